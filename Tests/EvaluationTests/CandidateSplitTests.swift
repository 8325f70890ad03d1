import Factorization
import StreamingRecommender
import Testing

@testable import Evaluation

/// Nothing of a part may know what it is asked for.
@Suite struct CandidateSplitTests {
  private static let shares = (0.6, 0.8)

  private static func interaction(_ user: String, _ item: String, _ time: Int64, _ strength: Float = 1) -> Interaction {
    Interaction(user: Array(user.utf8), item: Array(item.utf8), strength: strength, timeMilliseconds: time)
  }

  /// Many of the same time.
  private static func events(_ count: Int = 400, seed: UInt64) -> [Interaction] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      interaction(
        "u\(Int.random(in: 0..<12, using: &generator))", "i\(Int.random(in: 0..<30, using: &generator))",
        Int64.random(in: 0..<40, using: &generator))
    }
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>) func whatIsAtACutIsAfterIt(seed: UInt64) throws {
    let split = try CandidateSplit(Self.events(seed: seed), shares: Self.shares)
    #expect(split.parts.map(\.name) == [.train, .test])
    for part in split.parts {
      #expect(!part.history.isEmpty && part.history.allSatisfy { $0.timeMilliseconds < part.cutMilliseconds })
      #expect(part.history.count == Self.events(seed: seed).count { $0.timeMilliseconds < part.cutMilliseconds })
    }
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>) func theFutureChangesNeitherHistoryNorLabels(seed: UInt64) throws {
    let events = Self.events(seed: seed)
    let split = try CandidateSplit(events, shares: Self.shares)
    let (train, test) = (split.parts[0], split.parts[1])
    var generator = SplitMix64(seed: seed + 100)

    // What is after the second cut has other users, items and order: the cuts, which are counted, stay.
    let past = events.filter { $0.timeMilliseconds < test.cutMilliseconds }
    var future = events.filter { $0.timeMilliseconds >= test.cutMilliseconds }.shuffled(using: &generator)
    for index in future.indices { (future[index].user, future[index].item) = (Array("other".utf8), Array("x\(index)".utf8)) }
    let other = try CandidateSplit(future + past, shares: Self.shares)
    #expect(other.parts[0].heldOut == train.heldOut)
    #expect(Array(other.parts[0].history) == Array(train.history) && Array(other.parts[1].history) == Array(test.history))
    #expect(other.parts[1].heldOut != test.heldOut)

    // What is after the first cut, likewise: of the part `train`, only the labels know it.
    let known = events.filter { $0.timeMilliseconds < train.cutMilliseconds }
    let unknown = events.filter { $0.timeMilliseconds >= train.cutMilliseconds }.shuffled(using: &generator)
    #expect(Array(try CandidateSplit(unknown + known, shares: Self.shares).parts[0].history) == Array(train.history))
  }

  @Test func onlyTheFirstLikedEventOfAPairIsHeldOut() throws {
    let event = Self.interaction
    let events =
      (0..<6).map { event("u", "old\($0)", Int64($0), 1) } + [
        event("u", "old1", 10, 1), event("u", "new", 10, 1), event("u", "disliked", 11, -1), event("v", "new", 11, 1),
        event("u", "new", 20, 1), event("u", "disliked", 20, 1), event("v", "old1", 20, 1), event("w", "late", 21, 1),
      ]
    let parts = try CandidateSplit(events, shares: (0.43, 0.72)).parts
    #expect(parts.map(\.cutMilliseconds) == [10, 20])
    #expect(parts[0].heldOut == ["u": ["new"], "v": ["new"]])
    #expect(parts[1].heldOut == ["v": ["old1"], "w": ["late"]])
  }

  @Test(arguments: [[], [5, 5, 5, 5], [1, 5, 5, 5], [1, 1, 1, 5]] as [[Int64]]) func timesThatCannotBeCutAreRefused(times: [Int64]) {
    let events = times.enumerated().map { Self.interaction("u\($0)", "i", $1) }
    #expect(throws: CandidateSplitError.self) { try CandidateSplit(events, shares: (0.5, 0.75)) }
  }
}
