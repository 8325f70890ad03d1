import Factorization
import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct TrendCounterTests {
  @Test(arguments: [5.0, 40, 2000]) func agreesWithAPlainDecayedCountAcrossRescales(halfLife: Double) {
    var random = SeededGenerator(seed: UInt64(halfLife))
    var trend = TrendCounter(halfLife: halfLife)
    var plain = [Double](repeating: 0, count: 6)
    var rescales = 0
    for _ in 0..<Int(halfLife * 200) {
      let item = Int(random.below(6))
      if trend.count(Int32(item)) { rescales += 1 }
      for index in plain.indices { plain[index] *= exp2(-1 / halfLife) }
      plain[item] += 1
    }
    #expect(rescales == 3)
    for item in 0..<6 {
      let count = Double(trend.decayedCount(Int32(item)))
      #expect(abs(count - plain[item]) <= 1e-3 * (1 + plain[item]), "item \(item): \(count), expected \(plain[item])")
    }
    #expect(trend.accumulators.allSatisfy { $0.isFinite })
  }

  @Test func theCoefficientTurnsAnAccumulatorIntoTheWeightedRate() {
    var trend = TrendCounter(halfLife: 100)
    for _ in 0..<50 { _ = trend.count(0) }
    let expected = 20 * Double(trend.decayedCount(0)) / (100 / log(2))
    #expect(abs(Double(trend.coefficient(weight: 20) * trend.accumulators[0]) - expected) < 1e-5 * expected)
  }

  @Test func anAutomaticHalfLifeFollowsTheActiveCatalogue() {
    var few = TrendCounter(halfLife: nil)
    var many = TrendCounter(halfLife: nil)
    for step in 0..<40_000 {
      _ = few.count(Int32(step % 10))
      _ = many.count(Int32(step * 7919 % 2000))
    }
    #expect(abs(few.activeItems - 10) < 0.1)
    #expect(few.currentHalfLife == 500)
    #expect(abs(many.activeItems - 2000) < 100)
    #expect(abs(many.currentHalfLife - 10_000) < 500)
  }

  @Test func sharesAddUpToOneOnceAHalfLifeHasPassed() {
    var trend = TrendCounter(halfLife: nil)
    for step in 0..<5000 { _ = trend.count(Int32(step * step % 37)) }
    let total = trend.accumulators.reduce(0) { $0 + Double(trend.coefficient(weight: 1)) * Double($1) }
    #expect(abs(total - 1) < 1e-3)
  }

  @Test func anUnknownItemCountsNothing() { #expect(TrendCounter(halfLife: 10).decayedCount(99) == 0) }
}

@Suite struct ServedFactorsTests {
  @Test func aVectorComesBackAndIsCurrent() {
    var served = ServedFactors(factors: 3)
    #expect(served.state(5000) == .none)
    served.set(5000, to: [1, 2, 3])
    #expect(served.vector(5000) == [1, 2, 3])
    #expect(served.state(5000) == .current)
    #expect(served.vector(4999) == nil)
  }

  @Test func aStaleVectorStaysReadable() {
    var served = ServedFactors(factors: 1)
    served.markStale(3)
    #expect(served.state(3) == .none)
    served.set(3, to: [4])
    served.markStale(3)
    #expect(served.state(3) == .stale)
    #expect(served.vector(3) == [4])
  }

  @Test func aRemovedVectorIsGone() {
    var served = ServedFactors(factors: 1)
    served.set(3, to: [4])
    served.remove(3)
    #expect(served.vector(3) == nil)
  }

  @Test func aFrozenCopyKeepsItsVectors() {
    var served = ServedFactors(factors: 1)
    served.set(3, to: [4])
    let frozen = served
    served.set(3, to: [5])
    #expect(frozen.vector(3) == [4])
  }
}

@Suite struct RetrainPolicyTests {
  private static func situation(_ change: (inout RetrainPolicy.Situation) -> Void) -> RetrainPolicy.Situation {
    var situation = RetrainPolicy.Situation()
    (situation.pairs, situation.users, situation.items) = (100_000, 500, 300)
    change(&situation)
    return situation
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var what: String
    var policy = RetrainPolicy()
    var situation: RetrainPolicy.Situation
    /// `nil`: it waits.
    var expected: RetrainPolicy.Reason?
    var testDescription: String { what }
  }

  static let rows: [Row] = [
    Row(what: "nothing happened", situation: situation { $0.trainedPairs = 100_000 }, expected: nil),
    Row(
      what: "5 % new", situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze) = (100_000, 5000) },
      expected: .interactions(5000)),
    Row(what: "just below", situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze) = (100_000, 4999) }, expected: nil),
    Row(what: "small model, below 1,000", situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze) = (50, 999) }, expected: nil),
    Row(
      what: "small model, 1,000", situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze) = (50, 1000) },
      expected: .interactions(1000)),
    Row(
      what: "configured count", policy: RetrainPolicy(everyEvents: 7),
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze) = (100_000, 7) }, expected: .interactions(7)),
    Row(
      what: "old", policy: RetrainPolicy(interval: .seconds(60)),
      situation: situation { ($0.trainedPairs, $0.modelAge) = (100_000, .seconds(60)) }, expected: .age(.seconds(60))),
    Row(
      what: "not old yet", policy: RetrainPolicy(interval: .seconds(60)),
      situation: situation { ($0.trainedPairs, $0.modelAge) = (100_000, .seconds(59)) }, expected: nil),
    Row(what: "requested", situation: situation { ($0.trainedPairs, $0.requested) = (100_000, true) }, expected: .requested),
    Row(what: "requested with nothing to train on", situation: situation { ($0.pairs, $0.requested) = (1, true) }, expected: nil),
    Row(what: "first, lag small", situation: situation { $0.lag = 999 }, expected: .first),
    Row(what: "first, lag large", situation: situation { $0.lag = 1000 }, expected: nil),
    Row(what: "first, lag unknown", situation: situation { $0.lag = nil }, expected: nil),
    Row(
      what: "first, after a minute", situation: situation { ($0.lag, $0.running) = (1_000_000, .seconds(60)) }, expected: .first),
    Row(what: "first, too few pairs", situation: situation { ($0.lag, $0.pairs) = (0, 999) }, expected: nil),
    Row(what: "first, 1,000 pairs", situation: situation { ($0.lag, $0.pairs) = (0, 1000) }, expected: .first),
    Row(what: "first, one user", situation: situation { ($0.lag, $0.users) = (0, 1) }, expected: nil),
    Row(what: "first, one item", situation: situation { ($0.lag, $0.items) = (0, 1) }, expected: nil),
  ]

  static let restRows: [Row] = [
    Row(
      what: "a training of 10 s rests for 30 s",
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 5000, (.seconds(10), .seconds(29))) },
      expected: nil),
    Row(
      what: "and no longer",
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 5000, (.seconds(10), .seconds(30))) },
      expected: .interactions(5000)),
    Row(
      what: "half as many new interactions as pairs do not wait",
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 50_000, (.seconds(10), .zero)) },
      expected: .interactions(50_000)),
    Row(
      what: "a configured count does not wait", policy: RetrainPolicy(everyEvents: 7),
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 7, (.seconds(10), .zero)) },
      expected: .interactions(7)),
    Row(
      what: "nor does a share of 1", policy: RetrainPolicy(maxShare: 1),
      situation: situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 5000, (.seconds(10), .zero)) },
      expected: .interactions(5000)),
    Row(
      what: "a failure waits a minute, whatever the data",
      situation: situation {
        ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining, $0.hasFailed) = (100_000, 90_000, (.zero, .seconds(59)), true)
      }, expected: nil),
    Row(
      what: "a minute after a failure",
      situation: situation {
        ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining, $0.hasFailed) = (100_000, 90_000, (.zero, .seconds(60)), true)
      }, expected: .interactions(90_000)),
    Row(
      what: "first, fewer pairs by every_events", policy: RetrainPolicy(everyEvents: 10),
      situation: situation { ($0.lag, $0.pairs) = (0, 84) },
      expected: .first),
    Row(
      what: "first, by the interval", policy: RetrainPolicy(interval: .seconds(3)),
      situation: situation { ($0.lag, $0.pairs, $0.running) = (0, 84, .seconds(3)) }, expected: .first),
    Row(
      what: "first, a configured number of pairs", policy: RetrainPolicy(firstPairs: 50),
      situation: situation { ($0.lag, $0.pairs) = (0, 50) }, expected: .first),
  ]

  @Test(arguments: rows + restRows) func decidesByTheTable(row: Row) {
    switch row.policy.decide(row.situation) {
    case .wait: #expect(row.expected == nil)
    case .retrain(let reason): #expect(reason == row.expected)
    }
  }

  @Test func saysWhatItWaitsFor() {
    let first = Self.situation { ($0.lag, $0.pairs) = (0, 84) }
    #expect(RetrainPolicy().decide(first) == .wait(.firstPairs(have: 84, needed: 1000)))
    #expect("\(RetrainPolicy.Condition.firstPairs(have: 84, needed: 1000))" == "first model: 84 of 1000 pairs")
    let resting = Self.situation { ($0.trainedPairs, $0.eventsSinceFreeze, $0.lastTraining) = (100_000, 5000, (.seconds(10), .seconds(5))) }
    #expect(RetrainPolicy().decide(resting) == .wait(.rest(.seconds(25))))
  }
}

@Suite struct PairedDifferenceTests {
  @Test func aDropThatEveryUserSharesIsADrop() {
    let difference = PairedDifference(before: [0.5, 0.6, 0.7, 0.1], after: [0.4, 0.5, 0.6, 0])
    #expect(abs(difference.mean + 0.1) < 1e-12)
    #expect(difference.isDrop)
  }

  /// The means differ by as much as above, but by one user only.
  @Test func aDropOfOneUserIsNoise() {
    #expect(!PairedDifference(before: [0.5, 0.6, 0.7, 0.4], after: [0.5, 0.6, 0.7, 0]).isDrop)
  }

  @Test(arguments: [[], [1.0]]) func tooFewUsersProveNothing(values: [Double]) {
    #expect(!PairedDifference(before: values, after: values.map { $0 - 1 }).isDrop)
  }

  /// Computed by hand: differences -1, 0, 1, 0; their standard deviation is sqrt(2/3).
  @Test func theMarginIsThatOfTheNormalApproximation() {
    let difference = PairedDifference(before: [1, 0, 0, 1], after: [0, 0, 1, 1])
    #expect(difference.mean == 0)
    #expect(abs(difference.margin - 1.96 * (2.0 / 3).squareRoot() / 2) < 1e-12)
  }
}

@Suite struct InstalledModelTests {
  @Test func theGramianOfFoldedInItemsEqualsTheRecomputedOne() {
    var random = SeededGenerator(seed: 3)
    func vector() -> [Float] { (0..<8).map { _ in Float(random.below(2000)) / 1000 - 1 } }
    let trained = FactorMatrix(rows: 5, factors: 8, deviation: 0.5) { UInt64($0) }
    let pool = WorkerPool(workers: 1)
    var model = InstalledModel(
      epoch: 1, itemFactors: trained, trained: [true, true, false, true, true], gramian: Gramian(of: trained, pool: pool), trainedPairs: 1,
      trainedAtMilliseconds: 0)
    // The untrained row of a trained matrix is zero.
    var zeroed = trained
    zeroed.setRow(2, to: [Float](repeating: 0, count: 8))
    model = InstalledModel(
      epoch: 1, itemFactors: zeroed, trained: [true, true, false, true, true], gramian: Gramian(of: zeroed, pool: pool), trainedPairs: 1,
      trainedAtMilliseconds: 0)
    #expect(model.vectorCount == 4)
    for item in [2, 9, 2, 7, 9, 9] as [Int32] { model.setFoldedIn(item, to: vector()) }
    #expect(model.vectorCount == 7)
    #expect(model.absentItems == [5, 6, 8])
    let recomputed = Gramian(of: model.itemFactors, pool: pool)
    for row in 0..<8 { for column in row..<8 { #expect(abs(model.gramian[row, column] - recomputed[row, column]) < 1e-5) } }
  }
}
