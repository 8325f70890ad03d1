import Foundation
import Pipeline
import StreamingRecommender
import Testing

@testable import RedisPublishing

/// One engine at a time writes a namespace.
@Suite(.disabled(if: !serversAreThere, serverMissing)) struct WriterLeaseTests {
  private func publisher(_ fixture: Fixture, _ writer: WriterIdentity, takesOver: Bool = false) throws -> RedisRecommendationPublisher {
    try RedisRecommendationPublisher(
      redis: fixture.redis, publish: fixture.publish, instance: writer.instance, writer: writer, takesOver: takesOver,
      timing: fixture.timing)
  }

  private func isDisplaced(_ publisher: RedisRecommendationPublisher) -> Bool {
    publisher.events().contains { if case .displaced = $0 { true } else { false } }
  }

  private func holder(_ fixture: Fixture) throws -> WriterIdentity? {
    try fixture.control().command(["GET", "freshet:default:writer"]).text.flatMap { WriterIdentity(text: $0) }
  }

  /// A writer of which nothing is left but its key.
  private func leave(_ identity: WriterIdentity, in fixture: Fixture) throws {
    try fixture.control().command(["SET", "freshet:default:writer", identity.text, "PX", "60000"])
  }

  @Test func theLaterOfTwoWritersGivesWayAndTheFirstGoesOn() throws {
    let fixture = try Fixture()
    let first = try publisher(fixture, .current(instance: "first"))
    #expect(first.conflict(timeout: .seconds(5)) == nil)
    first.submit([user("u", offset: 5)], ticket: 1)
    #expect(first.flush(timeout: .seconds(5)))
    let second = try publisher(fixture, .current(instance: "second"))
    let conflict = try #require(second.conflict(timeout: .seconds(5)))
    #expect(conflict.contains("instance first on ") && conflict.contains("--takeover"), "\(conflict)")
    #expect(isDisplaced(second) && !second.status.isUp && second.room == 0)
    second.submit([user("u", offset: 1)], ticket: 1)
    usleep(500_000)
    #expect(try fixture.reader().list(user: "u")?.list.offset == 5)
    first.submit([user("u", offset: 6)], ticket: 2)
    #expect(first.flush(timeout: .seconds(5)) && !isDisplaced(first))
    #expect(try holder(fixture)?.instance == "first")
    second.close()
    #expect(try holder(fixture)?.instance == "first")
  }

  @Test func aWriterThatTakesOverDisplacesTheFirst() throws {
    let fixture = try Fixture()
    let first = try publisher(fixture, .current(instance: "first"))
    #expect(first.conflict(timeout: .seconds(5)) == nil)
    let second = try publisher(fixture, .current(instance: "second"), takesOver: true)
    #expect(second.conflict(timeout: .seconds(5)) == nil)
    #expect(eventually { isDisplaced(first) })
    // The event comes a moment before the connection is given up.
    #expect(eventually { first.status.problem?.contains("took over") == true && !first.status.isUp })
    second.submit([user("u", offset: 7)], ticket: 1)
    #expect(second.flush(timeout: .seconds(5)) && !isDisplaced(second))
  }

  @Test func aWriterThatEndsInOrderLeavesNothingForTheNextToWaitFor() throws {
    let fixture = try Fixture()
    let first = try publisher(fixture, .current(instance: "first"))
    #expect(first.conflict(timeout: .seconds(5)) == nil)
    #expect(try holder(fixture) != nil)
    first.close()
    #expect(try holder(fixture) == nil)
  }

  /// Its process id belongs to nobody now.
  @Test func aWriterThatWasKilledOnThisMachineIsReplacedAtOnce() throws {
    let fixture = try Fixture()
    var dead = WriterIdentity.current(instance: "dead")
    dead.token = "other"
    dead.pid = 0x3fff_fff0
    try leave(dead, in: fixture)
    let began = ContinuousClock.now
    let next = try publisher(fixture, .current(instance: "next"))
    #expect(next.conflict(timeout: .seconds(5)) == nil)
    #expect(ContinuousClock.now - began < fixture.timing.heartbeat)
  }

  /// Elsewhere, only the missing renewals tell.
  @Test func aWriterThatDoesNotRenewItsKeyIsReplacedAfterThreeHeartbeats() throws {
    let fixture = try Fixture()
    var silent = WriterIdentity.current(instance: "silent")
    silent.token = "other"
    silent.scope = "another machine"
    try leave(silent, in: fixture)
    let began = ContinuousClock.now
    let next = try publisher(fixture, .current(instance: "next"))
    #expect(next.conflict(timeout: .seconds(5)) == nil)
    #expect(ContinuousClock.now - began >= fixture.timing.heartbeat * 3)
    #expect(try holder(fixture)?.instance == "next")
  }

  @Test func anEmptiedServerIsClaimedAgain() throws {
    let fixture = try Fixture()
    let writer = try publisher(fixture, .current(instance: "only"))
    #expect(writer.conflict(timeout: .seconds(5)) == nil)
    try fixture.control().command(["FLUSHALL"])
    #expect(try eventually { try holder(fixture)?.instance == "only" })
    #expect(!isDisplaced(writer))
  }
}
