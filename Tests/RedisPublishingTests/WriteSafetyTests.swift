import Foundation
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Testing

private let emptied = PublisherEvent.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: nil)
private let modelEight = ModelPointer(
  epoch: 8, previousEpoch: 7, factors: 2, users: 1, items: 2, trainedAtMilliseconds: 1_700_000_000_000, keptEpochs: [7, 8],
  requiresItems: true)

private func vector(_ item: Identifier) -> PublishCommand { .itemFactors(epoch: 8, item: item, factors: [1, 2]) }

/// What must not happen when a connection, or what the server holds, is lost half-way.
@Suite(.enabled(if: serversAreThere, serverMissing), .serialized) struct WriteSafetyTests {
  private func port(of fixture: Fixture) throws -> Int { try #require(fixture.server.url.split(separator: ":").last.flatMap { Int($0) }) }

  // MARK: Superseded connections

  /// The bytes of the first connection arrive after the second has written newer data.
  @Test func connectionThatTimedOutCannotWriteAnyMore() throws {
    let fixture = try Fixture(.loopback)
    let reader = try fixture.reader()
    let proxy = try TCPProxy(to: port(of: fixture))
    defer { proxy.stop() }
    fixture.redis.url = "redis://127.0.0.1:\(proxy.port)"
    let publisher = try fixture.publisher()
    publisher.submit([user("hot", offset: 1), user("gone", offset: 1)], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))

    proxy.stall()
    publisher.submit([user("hot", offset: 2), user("gone", offset: 2)], ticket: 2)
    #expect(publisher.flush(timeout: .seconds(10)))
    publisher.submit([user("hot", offset: 3), .forget(user: "gone")], ticket: 3)
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(publisher.status.reconnects == 1)
    #expect(proxy.held > 0)

    proxy.release()
    usleep(200_000)
    #expect(try reader.list(user: "hot")?.list.offset == 3)
    #expect(try reader.list(user: "gone") == nil)
  }

  /// What a killed process had sent arrives after its successor has written newer data.
  @Test func connectionOfAnEarlierProcessCannotWriteAnyMore() throws {
    let fixture = try Fixture(.loopback)
    let reader = try fixture.reader()
    let direct = fixture.redis.url
    let proxy = try TCPProxy(to: port(of: fixture))
    defer { proxy.stop() }
    fixture.redis.url = "redis://127.0.0.1:\(proxy.port)"
    do {
      let killed = try fixture.publisher()
      killed.submit([user("hot", offset: 1)], ticket: 1)
      #expect(killed.flush(timeout: .seconds(10)))
      proxy.stall()
      killed.submit([user("hot", offset: 2)], ticket: 2)
      #expect(eventually { proxy.held > 0 })
      killed.close()
    }
    fixture.redis.url = direct
    var other = fixture.redis
    other.namespace = "other"
    let neighbour = try RedisRecommendationPublisher(
      redis: other, publish: fixture.publish, instance: "test", partitions: [], timing: fixture.timing)
    #expect(eventually { neighbour.room > 0 })
    let successor = try fixture.publisher()
    successor.submit([user("hot", offset: 3)], ticket: 1)
    #expect(successor.flush(timeout: .seconds(10)))
    proxy.release()
    usleep(200_000)
    #expect(try reader.list(user: "hot")?.list.offset == 3)
    neighbour.submit([user("hot", offset: 1)], ticket: 1)
    #expect(neighbour.flush(timeout: .seconds(10)) && neighbour.status.reconnects == 0, "another namespace keeps its connection")
  }

  @Test(arguments: ["id", "kill"]) func missingRightIsReportedBeforeAnythingIsWritten(missing: String) throws {
    let fixture = try Fixture()
    let control = try fixture.control()
    try control.command(["ACL", "SETUSER", "writer", "on", ">s3cret", "~*", "&*", "+@all", "-client|\(missing)"])
    fixture.redis.username = "writer"
    fixture.redis.password = "s3cret"
    let publisher = try fixture.publisher()
    publisher.submit([user("a", offset: 1)], ticket: 1)
    #expect(eventually { publisher.status.problem?.contains("+client|\(missing)") == true }, "\(publisher.status.problem ?? "")")
    #expect(publisher.status.errors["noperm"] != nil)
    #expect(publisher.room == 0 && publisher.events().isEmpty)
    #expect(try control.command(["DBSIZE"]).integer == 0)
    try control.command(["ACL", "SETUSER", "writer", "+client|\(missing)"])
    #expect(publisher.flush(timeout: .seconds(10)))
  }

  /// Ids start again with the server, so the old one may name another program's connection by now.
  @Test func restartOfTheServerCostsNobodyElseTheConnection() throws {
    let fixture = try Fixture(.loopback)
    let direct = fixture.redis.url
    let proxy = try TCPProxy(to: port(of: fixture))
    defer { proxy.stop() }
    fixture.redis.url = "redis://127.0.0.1:\(proxy.port)"
    for _ in 0..<5 { _ = try fixture.control() }
    let publisher = try fixture.publisher()
    #expect(eventually { publisher.room > 0 })
    proxy.refuse(true)
    fixture.server.kill()
    #expect(eventually { !publisher.status.isUp })
    try fixture.server.start()
    fixture.redis.url = direct
    let others = try (0..<40).map { _ in try RedisConnection(RedisAddress(direct), timeout: .seconds(5)) }
    for other in others { try other.command(["PING"]) }
    proxy.refuse(false)
    publisher.submit([user("a", offset: 1)], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))
    for other in others { #expect(throws: Never.self) { try other.command(["PING"]) } }
  }

  // MARK: The proof of what survived

  @Test func crashWithoutTheNewestWritesIsMeasured() throws {
    let fixture = try Fixture()
    let publisher = try fixture.publisher()
    for ticket in 1...3 { publisher.submit([user("u\(ticket)", offset: 1)], ticket: UInt64(ticket)) }
    #expect(publisher.flush(timeout: .seconds(10)))
    try fixture.control().command(["SAVE"])
    for ticket in 4...6 { publisher.submit([user("u\(ticket)", offset: 1)], ticket: UInt64(ticket)) }
    #expect(publisher.flush(timeout: .seconds(10)))
    _ = publisher.events()
    fixture.server.kill()
    try fixture.server.start()
    #expect(eventually { publisher.status.reconnects == 1 })
    #expect(publisher.events().last == .connected(epoch: nil, published: PartitionOffsets(), survivingTicket: 3))
    let reader = try fixture.reader()
    #expect(try reader.list(user: "u3") != nil)
    #expect(try reader.list(user: "u4") == nil)
  }

  @Test func markerOfAnotherProcessProvesNothing() throws {
    let fixture = try Fixture()
    let old = try fixture.publisher()
    old.submit([user("a", offset: 1)], ticket: 9)
    #expect(old.flush(timeout: .seconds(10)))
    let publisher = try fixture.publisher()
    #expect(eventually { publisher.room > 0 })
    #expect(publisher.events() == [.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: 0)])
    publisher.submit([user("b", offset: 1)], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))
    old.submit([user("c", offset: 1)], ticket: 10)
    #expect(old.flush(timeout: .seconds(10)))
    publisher.follow([TopicPartition(topic: "events", partition: 0)])
    var events: [PublisherEvent] = []
    #expect(
      eventually {
        events += publisher.events()
        return !events.isEmpty
      })
    #expect(events == [emptied])
  }

  /// One command in the middle is refused, the marker behind it is not.
  @Test func markerBehindARefusedCommandProvesNothingMore() throws {
    let fixture = try Fixture()
    let control = try fixture.control()
    let publisher = try fixture.publisher()
    publisher.submit([user("a", offset: 1)], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))
    let partition = TopicPartition(topic: "events", partition: 0)
    try control.command(["SET", "freshet:default:pub:events:0", "x"])
    publisher.submit([user("b", offset: 1)], ticket: 2)
    publisher.submit([.progress(partition, offset: 1, epoch: 7, atMilliseconds: 1)], ticket: 3)
    #expect(eventually { publisher.status.errors["wrongtype"] != nil })
    let marker = try #require(try control.command(["GET", "freshet:default:mark:test"]).text)
    #expect(marker.hasSuffix(" 3"))
    try control.command(["SAVE"])
    try control.command(["DEL", "freshet:default:pub:events:0"])
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(publisher.acknowledged().map(\.ticket) == [1, 2, 3])
    _ = publisher.events()
    // What stands then is the marker of the pipeline that was refused in part.
    fixture.server.kill()
    try fixture.server.start()
    #expect(eventually { publisher.status.reconnects == 1 })
    #expect(publisher.events().last == .connected(epoch: nil, published: PartitionOffsets(), survivingTicket: 2))
  }

  // MARK: The pointer

  @Test func pointerWaitsForEveryVector() throws {
    let fixture = try Fixture()
    let publisher = try fixture.publisher()
    publisher.submit([.itemsBegin(epoch: 8), vector("a"), vector("b"), .itemsComplete(epoch: 8, count: 2)], ticket: 1)
    publisher.submit([.model(modelEight), user("u", epoch: 8, offset: 1)], ticket: 2)
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(publisher.acknowledged().map(\.ticket) == [1, 2])
    #expect(try fixture.reader().model()?.epoch == 8)
    #expect(try fixture.control().command(["GET", "freshet:default:e8:items"]).text == "2")
    #expect(publisher.events() == [.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: 0)])
  }

  /// `before` is submitted, then somebody empties the server, then `after` is.
  @Test(
    arguments: [
      ([.itemsBegin(epoch: 8), vector("a"), vector("b"), .itemsComplete(epoch: 8, count: 2)], []),
      ([.itemsBegin(epoch: 8), vector("a")], [vector("b"), .itemsComplete(epoch: 8, count: 2)]),
    ] as [([PublishCommand], [PublishCommand])])
  func pointerIsNotWrittenAfterTheVectorsWereFlushed(before: [PublishCommand], after: [PublishCommand]) throws {
    let fixture = try Fixture()
    fixture.timing.heartbeat = .seconds(30)
    let publisher = try fixture.publisher()
    publisher.submit(before, ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))
    _ = publisher.events()
    try fixture.control().command(["FLUSHALL"])
    publisher.submit(after, ticket: 2)
    publisher.submit([.model(modelEight)], ticket: 3)
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(publisher.acknowledged().map(\.ticket) == [1, 2, 3])
    #expect(publisher.events() == [emptied])
    #expect(try fixture.reader().model() == nil)
    #expect(try fixture.control().command(["EXISTS", "freshet:default:models"]).integer == 0)
    #expect(publisher.status.published["model"] == nil)
    // The engine starts over.
    publisher.submit([.itemsBegin(epoch: 8), vector("a"), vector("b"), .itemsComplete(epoch: 8, count: 2)], ticket: 4)
    publisher.submit([.model(modelEight)], ticket: 5)
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(try fixture.reader().model()?.epoch == 8)
  }

  /// The proof is there when it is checked, and gone before the pointer is written.
  @Test func transactionIsAbortedWhenTheProofChanges() throws {
    let fixture = try Fixture(.loopback)
    let control = Mutex(try SendableConnection(fixture.control()))
    let proxy = try TCPProxy(
      to: port(of: fixture),
      onRequest: { request in
        if request.contains("MULTI") { control.withLock { _ = try? $0.connection.command(["DEL", "freshet:default:e8:items"]) } }
      })
    defer { proxy.stop() }
    fixture.redis.url = "redis://127.0.0.1:\(proxy.port)"
    fixture.timing.heartbeat = .seconds(30)
    let publisher = try fixture.publisher()
    publisher.submit([.itemsBegin(epoch: 8), vector("a"), .itemsComplete(epoch: 8, count: 1)], ticket: 1)
    publisher.submit([.model(modelEight)], ticket: 2)
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(publisher.acknowledged().map(\.ticket) == [1, 2])
    #expect(publisher.events().last == emptied)
    #expect(try fixture.reader().model() == nil)
  }

  @Test func refusedPointerIsTriedAgain() throws {
    let fixture = try Fixture()
    let control = try fixture.control()
    let publisher = try fixture.publisher()
    publisher.submit([.itemsBegin(epoch: 8), vector("a"), .itemsComplete(epoch: 8, count: 1)], ticket: 1)
    #expect(publisher.flush(timeout: .seconds(10)))
    try control.command(["SET", "freshet:default:model", "x"])
    publisher.submit([.model(modelEight)], ticket: 2)
    #expect(eventually { publisher.status.errors["wrongtype"] != nil && publisher.room == 0 })
    #expect(publisher.acknowledged().map(\.ticket) == [1])
    try control.command(["DEL", "freshet:default:model"])
    #expect(publisher.flush(timeout: .seconds(10)))
    #expect(try fixture.reader().model()?.epoch == 8)
  }
}

/// Sendable: used with a lock held.
private struct SendableConnection: @unchecked Sendable {
  let connection: RedisConnection
  init(_ connection: RedisConnection) { self.connection = connection }
}
