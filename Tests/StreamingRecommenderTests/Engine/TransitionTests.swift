import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct TransitionTests {
  private let now: Int64 = 1_700_000_000_000

  private func configuration(_ change: (inout TransitionRules) -> Void = { _ in }) -> RecommenderConfiguration {
    plainConfiguration {
      var transitions = TransitionRules()
      change(&transitions)
      $0.model.transitions = transitions
    }
  }

  private func count(_ engine: RecommenderEngine, _ from: String, _ to: String) -> Float {
    let successor = engine.item(to)!
    return engine.state.catalogue.transitions.row(engine.item(from)!).successors.first { $0.item == successor }?.count ?? 0
  }

  @Test func anEventCountsTheStepsFromTheItemsBeforeItAndBack() {
    var engine = RecommenderEngine(configuration())
    _ = engine.apply([event("u", "a", time: now), event("u", "b", time: now), event("u", "c", time: now + 120_000)])
    let later: Float = 0.1 + 0.9 * exponential(-1)
    #expect(count(engine, "a", "b") == 1)
    #expect(abs(count(engine, "b", "c") - later) < 1e-6)
    #expect(abs(count(engine, "a", "c") - 0.7 * later) < 1e-6)
    #expect(abs(count(engine, "b", "a") - 0.3) < 1e-6)
    #expect(abs(count(engine, "c", "b") - 0.3 * later) < 1e-6)
    #expect(abs(engine.state.catalogue.transitions.row(engine.item("a")!).total - (1 + 0.7 * later)) < 1e-6)
  }

  /// By hand: from c (newest) and, a minute before it, b; a was followed by b and c, b by c.
  @Test func aBoostIsTheShareOfTheStepsFromTheNewestItems() {
    var engine = RecommenderEngine(configuration { $0.backward = 0 })
    _ = engine.apply([event("v", "b", time: now), event("v", "x", time: now), event("w", "c", time: now), event("w", "x", time: now)])
    _ = engine.apply([event("u", "b", time: now + 1000), event("u", "c", time: now + 61_000)])
    let gap: Float = 0.1 + 0.9 * exponential(-0.5)
    // From c: one step to x of one. From b: one step to x, and u's own step to c.
    let fromNewest: Float = 10 * 1 / (1 + 20)
    let fromTheOneBefore: Float = 10 * 0.7 * gap * 1 / (1 + gap + 20)
    let boosts = engine.boosts(engine.user("u")!).filter { $0.item == engine.item("x")! }
    #expect(boosts.count == 2)
    #expect(abs(boosts.reduce(0) { $0 + $1.score } - fromNewest - fromTheOneBefore) < 1e-5)
  }

  @Test func aRowThatHasCountedMuchIsHalvedAndKeepsItsShares() {
    var counts = TransitionCounts(successorsMax: 4)
    for step in 0..<400_000 { counts.add(1, from: 0, to: step % 4 == 0 ? 1 : 2) }
    let row = counts.row(0)
    #expect(row.total > 30_000 && row.total <= 65_536)
    #expect(abs(row.successors[0].count / row.total - 0.25) < 1e-3)
  }

  @Test func onlyTheNewestItemsLeadOn() {
    var engine = RecommenderEngine(configuration { $0.last = 2 })
    _ = engine.apply((0..<4).map { event("u", "i\($0)", time: now + Int64($0)) })
    #expect(count(engine, "i0", "i3") == 0)
    #expect(count(engine, "i1", "i3") > 0)
  }

  @Test func dislikesAndDeletionsLeadNowhere() {
    var engine = RecommenderEngine(configuration())
    _ = engine.apply([event("u", "a", time: now), event("u", "b", strength: -1, time: now + 1), event("u", "a", .delete, time: now + 2)])
    _ = engine.apply([event("u", "c", time: now + 3)])
    #expect(engine.state.catalogue.transitions.entries == 0)
  }

  @Test func anEventThatComesLateFollowsOnlyWhatWasBeforeIt() {
    var engine = RecommenderEngine(configuration { $0.backward = 0 })
    _ = engine.apply([event("u", "a", time: now), event("u", "z", time: now + 1000), event("u", "late", time: now + 500)])
    #expect(count(engine, "a", "late") > 0)
    #expect(count(engine, "z", "late") == 0)
  }

  @Test func aRowNeverHoldsMoreThanItsBoundAndKeepsTheFrequent() {
    var random = SeededGenerator(seed: 3)
    var counts = TransitionCounts(successorsMax: 8)
    for step in 0..<20_000 {
      counts.add(1, from: 0, to: step % 2 == 0 ? Int32(step / 2 % 4) : 4 + Int32(random.below(500)))
      #expect(counts.row(0).successors.count <= 8)
    }
    #expect(counts.entries == 8)
    #expect(counts.row(0).total == 20_000)
    let kept = Set(counts.row(0).successors.sorted { $0.count > $1.count }.prefix(4).map(\.item))
    #expect(kept == [0, 1, 2, 3], "\(random)")
  }

  @Test func aFrozenCopyDoesNotMove() {
    var counts = TransitionCounts(successorsMax: 4)
    counts.add(1, from: 3, to: 4)
    let frozen = counts
    counts.add(1, from: 3, to: 4)
    counts.add(1, from: 3, to: 5)
    #expect(frozen.row(3).successors == [.init(item: 4, count: 1)])
    #expect(frozen.entries == 1)
  }

  /// The list against a plain computation of every item's score.
  @Test(arguments: 1...8 as ClosedRange<UInt64>) func theListIsTheExactTopOfTheSumOfBothParts(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let configuration = configuration()
    var engine = trainedEngine(configuration)
    _ = engine.apply(
      (0..<400).map { event("u\(random.below(12))", "i\(random.below(20))", time: now + 1000 + Int64($0) * 20_000) })
    let scratch = scratch(configuration)
    for user in engine.state.users.references {
      let fresh = engine.refresh([user], scratch)[0]
      let list = fresh.items.prefix(fresh.filledFrom ?? .max)
      var scores = try (0..<engine.state.catalogue.items.capacity).map { item in
        let vector = try #require(engine.state.users.vector(user))
        return zip(vector, engine.model!.itemFactors[item]).reduce(0) { $0 + $1.0 * $1.1 }
      }
      for boost in engine.boosts(user) { scores[Int(boost.item)] += boost.score }
      for item in engine.excluded(user) { scores[Int(item)] = -.infinity }
      let expected = scores.sorted(by: >).prefix(list.count)
      for (place, score) in zip(list, expected) { #expect(abs(place.score - score) < 1e-4, "\(random)") }
      #expect(list.count == min(engine.settings.n, scores.count { $0 > -.infinity }))
    }
  }

  @Test func theListOfAnEventIsTheRankOfTheEvaluation() {
    let configuration = configuration()
    var engine = trainedEngine(configuration)
    _ = engine.apply((0..<60).map { event("u\($0 % 5)", "i\($0 * 7 % 20)", time: now + 1000 + Int64($0) * 1000) })
    let scratch = scratch(configuration)
    for user in engine.state.users.references.prefix(5) {
      let list = engine.refresh([user], scratch)[0].items
      for (place, entry) in list.enumerated() {
        let rank = engine.rank(of: entry.item, for: user, excluded: engine.excluded(user), scratch)
        #expect(rank.better <= place && place <= rank.better + rank.ties)
      }
    }
  }
}
