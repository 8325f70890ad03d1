import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// The gate judges the lists that would be served, and they must not know what they are judged by.
@Suite struct GateTests {
  private static let start: Int64 = 1_700_000_000_000

  private static func events(_ count: Int, seed: UInt64) -> [Interaction] {
    var random = SeededGenerator(seed: seed)
    var last = [Int](repeating: 0, count: 120)
    return (0..<count).map { step in
      let user = Int(random.below(120))
      // Items follow one another: what comes next is mostly told by the order.
      last[user] = random.chance(0.7) ? (last[user] + 7) % 100 : Int(random.below(100))
      return event("u\(user)", "i\(last[user])", time: start + Int64(step) * 1000)
    }
  }

  @Test func signalsOfBeforeTheHoldoutAreThoseOfAStateWithoutIt() throws {
    let configuration = plainConfiguration {
      $0.model.trend = .init()
      $0.model.transitions = .init()
      $0.model.historyPerUser = 10_000
    }
    // Distinct pairs, so that each pair is one event.
    var seen: Set<String> = []
    let events = Self.events(9000, seed: 1).filter { seen.insert(String(decoding: $0.user + [0] + $0.item, as: UTF8.self)).inserted }
    var whole = RecommenderEngine(configuration)
    _ = whole.apply(events)
    let holdout = try #require(Holdout(whole.state.users, eventsSinceFreeze: 600))
    let (trend, transitions) = holdout.signals(whole.state, whole.settings)
    var before = RecommenderEngine(configuration)
    _ = before.apply(events.filter { InteractionOrder(timeMilliseconds: $0.timeMilliseconds, partition: 0) < holdout.threshold })
    #expect(before.state.users.pairCount == whole.state.users.pairCount - holdout.pairs)
    for item in 0..<100 {
      let (a, b) = (whole.item("i\(item)")!, before.item("i\(item)")!)
      let expected = before.state.catalogue.transitions.row(b)
      let row = transitions.row(a)
      #expect(abs(row.total - expected.total) < 1e-2, "item \(item)")
      for successor in expected.successors {
        let name = before.state.catalogue.items.string(successor.item)
        let count = row.successors.first { whole.state.catalogue.items.string($0.item) == name }?.count ?? 0
        #expect(abs(count - successor.count) < 1e-2, "from item \(item) to \(name)")
      }
      let share = Double(before.state.catalogue.trend.decayedCount(b))
      #expect(abs(Double(trend.decayedCount(a)) - share) < 0.05 * share + 0.05, "item \(item)")
    }
  }

  @Test func theGateCountsWhatTrendAndTransitionsAddToTheLists() throws {
    func quality(_ change: (inout RecommenderConfiguration) -> Void) throws -> Double {
      let configuration = plainConfiguration(change)
      var engine = RecommenderEngine(configuration)
      let events = Self.events(12_000, seed: 2)
      _ = engine.apply(Array(events[0..<10_000]))
      _ = engine.trainAndInstall()
      _ = engine.apply(Array(events[10_000...]))
      let result = engine.makeTrainingJob(id: "t", reason: .requested, nowMilliseconds: 0).run(threads: 1, monitor: TrainingMonitor())
      return try #require(result.record.qualityNew)
    }
    let plain = try quality { $0.model.excludeSeen = false }
    let withOrder = try quality {
      $0.model.excludeSeen = false
      $0.model.transitions = .init()
    }
    #expect(withOrder > plain * 1.05, "plain \(plain), with transitions \(withOrder)")
  }

  @Test func anItemOfTheHoldoutIsNotRecommendedToItselfByTheTrend() {
    var trend = TrendCounter(halfLife: 100)
    for _ in 0..<500 { _ = trend.count(0) }
    let before = trend.decayedCount(0)
    for _ in 0..<20 { _ = trend.count(1) }
    let without = trend.without(newestFirst: [Int32](repeating: 1, count: 20))
    #expect(without.decayedCount(1) < 1e-3)
    #expect(abs(without.decayedCount(0) - before) < 1e-3 * before)
    #expect(abs(without.total - Double(without.accumulators.reduce(0, +))) < 1e-3)
  }
}
