import RecommenderTestKit
import ServingFormats
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct TrendingTests {
  private static func rig(rows: Bool = true) -> LoopRig { LoopRig { $0.publish.rows = rows } }

  /// The last hour in the view, by item id.
  private static func hour(_ rig: LoopRig) -> [String: UInt32] {
    let entries = rig.view.trending?.windows[.hour] ?? []
    return Dictionary(
      uniqueKeysWithValues: entries.map { (String(decoding: rig.engine.state.catalogue.items.name($0.item), as: UTF8.self), $0.events) })
  }

  @Test func whatUsersTookInTheLastHourIsWritten() throws {
    let rig = Self.rig()
    rig.start()
    let now = rig.clock.wallMilliseconds
    for user in 0..<5 { rig.produce([event("v\(user)", "hot", time: now)]) }
    rig.produce([event("v0", "old", time: now - 2 * 3_600_000)])
    rig.settle()
    rig.clock.advance(by: .seconds(11))
    rig.produce([event("v9", "hot", time: now + 1)])
    rig.settle()
    rig.clock.advance(by: .seconds(11))
    rig.run(3)
    #expect(Self.hour(rig)["hot"] == 6)
    #expect(Self.hour(rig)["old"] == nil)
    #expect(rig.view.trending?.windows[.day]?.contains { $0.events == 1 } == true)
  }

  @Test func countsOutliveARestartAndALossOfTheView() throws {
    let rig = Self.rig()
    rig.start()
    let now = rig.clock.wallMilliseconds
    for user in 0..<5 { rig.produce([event("v\(user)", "hot", time: now)]) }
    rig.settle()
    rig.snapshot()
    try rig.restart()
    rig.settle()
    rig.clock.advance(by: .seconds(11))
    rig.run(3)
    #expect(Self.hour(rig)["hot"] == 5)
    let before = rig.view.trending
    rig.publisher.wipe()
    rig.settle()
    #expect(rig.view.trending?.windows == before?.windows)
  }

  @Test func withoutRowsNothingIsCounted() {
    let rig = Self.rig(rows: false)
    rig.start()
    rig.clock.advance(by: .seconds(11))
    rig.run(3)
    #expect(rig.engine.trendWindows == nil)
    #expect(rig.view.trending == nil)
  }

  @Test func similarUsersAreThoseOfTheSameSide() throws {
    let rig = Self.rig()
    rig.start()
    let handle = JobHandle<SimilarUsersReport>()
    rig.loop.mailbox.post(.similarUsers("u0", 5, handle))
    rig.turn()
    rig.jobs.runAll()
    guard case .found(let matches, let epoch) = try #require(handle.result) else { return #expect(Bool(false), "\(handle.result!)") }
    #expect(epoch == 1)
    #expect(matches.count == 5)
    #expect(!matches.contains { $0.user == "u0" })
    #expect(matches.map(\.score) == matches.map(\.score).sorted(by: >))
    #expect(matches.allSatisfy { Int($0.user.string.dropFirst())! % 2 == 0 })
    let unknown = JobHandle<SimilarUsersReport>()
    rig.loop.mailbox.post(.similarUsers("nobody", 5, unknown))
    rig.turn()
    #expect(unknown.result == .unknownUser)
  }
}
