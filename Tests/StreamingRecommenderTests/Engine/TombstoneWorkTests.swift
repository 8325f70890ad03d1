import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// Counts of the work that a turn with many tombstones does; times are in `freshet benchmark retrain`.
@Suite struct TombstoneWorkTests {
  private static let leavers = 300

  /// The places that are looked at to remove users who all used five new items, beside `others` new items of other users.
  private func places(others: Int) -> Int {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(checkerboard())
    _ = engine.trainAndInstall()
    var events: [Interaction] = []
    for user in 0..<Self.leavers {
      for item in 0..<5 { events.append(event("leaver\(user)", "new\(user / 10)-\(item)", time: 1_700_000_100_000 + Int64(events.count))) }
    }
    for item in 0..<others { events.append(event("other\(item % 50)", "other\(item)", time: 1_700_000_200_000 + Int64(item))) }
    _ = engine.apply(events)
    let tombstones = (0..<Self.leavers).map {
      Record(offset: Int64($0), timestampMilliseconds: nil, key: Array("leaver\($0)".utf8), value: nil)
    }
    let update = engine.apply(tombstones)
    #expect(update.forgotten.count == Self.leavers)
    #expect((0..<Self.leavers).allSatisfy { engine.user("leaver\($0)") == nil })
    #expect(engine.state.violatedInvariant() == nil)
    return update.placesOfForgotten
  }

  @Test func newItemsOfOthersCostATombstoneNothing() {
    let few = places(others: 100)
    // Ten users share each of an item's lists: it and those that are still there are looked at.
    #expect(few > 0 && few <= Self.leavers * 5 * (1 + 10))
    #expect(places(others: 20_000) == few)
  }

  /// However many users an item has, a bounded number of them is kept.
  @Test func anItemOfEverybodyIsLookedAtToItsLimit() {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(checkerboard())
    _ = engine.trainAndInstall()
    _ = engine.apply((0..<5000).map { event("u\($0)", "hit", time: 1_700_000_100_000 + Int64($0)) })
    let tombstone = Record(offset: 0, timestampMilliseconds: nil, key: Array("u4999".utf8), value: nil)
    #expect(engine.apply([tombstone]).placesOfForgotten == 1 + NewItems.usersMax)
  }
}
