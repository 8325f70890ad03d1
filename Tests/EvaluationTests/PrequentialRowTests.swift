import Factorization
import StreamingRecommender
import Testing

@testable import Evaluation

@Suite struct PrequentialRowTests {
  /// 4,000 events of 60 users in sessions over 90 items: tastes (a user's third of the items), fashions (a tenth of it at a time),
  /// habits (the item after the last one), and items that appear on the way.
  private static func sessions() -> EvaluationData {
    var generator = SplitMix64(seed: 7)
    func draw(_ bound: Int) -> Int { Int(generator.next(upperBound: UInt64(bound))) }
    var last = [Int](repeating: 0, count: 60)
    var events: [Interaction] = []
    var time: Int64 = 1_000_000_000
    var user = 0
    for number in 0..<4_000 {
      if number % 8 == 0 {
        user = draw(60)
        time += 600_000
      }
      time += 10_000
      let (taste, fashion) = (user % 3, number / 400)
      let place = draw(3) == 0 ? (last[user] + 1) % 30 : draw(2) == 0 ? (fashion * 3 + draw(3)) % 30 : draw(10 + number / 200)
      last[user] = place
      events.append(
        Interaction(user: Array("u\(user)".utf8), item: Array("i\(taste * 30 + place)".utf8), timeMilliseconds: time, operation: .set))
    }
    return EvaluationData(events)
  }

  private static func outcome(_ row: PrequentialRow) -> PrequentialEvaluator.Outcome {
    var configuration = RecommenderConfiguration()
    configuration.model.factors = 8
    configuration.retrain.everyEvents = 500
    return PrequentialEvaluator().run(sessions(), row.ranker(configuration, threads: 2))
  }

  @Test func rowsDifferAndRepeat() {
    var seen: [String: PrequentialRow] = [:]
    for row in PrequentialRow.allCases {
      let outcome = Self.outcome(row)
      #expect(outcome.ranks.events == 2_800)
      let figures = "\(outcome.ranks.recall) \(outcome.ranks.meanPercentileRank)"
      #expect(seen[figures] == nil, "\(row) and \(seen[figures]!) are the same: \(figures)")
      seen[figures] = row
      #expect(Self.outcome(row).ranks == outcome.ranks, "\(row)")
    }
  }

  @Test func aListIsMadeAfterEachEventAndByTheEngineAlone() {
    #expect(Self.outcome(.full).lists == 3_200)
    #expect(Self.outcome(.popularity).lists == 0)
  }

  @Test func withoutRetrainsTheFirstModelStays() {
    #expect(Self.outcome(.full).training.accepted + Self.outcome(.full).training.rejected > 3)
    for row in [PrequentialRow.withoutRetrains, .plain] { #expect(Self.outcome(row).training.accepted == 1) }
    #expect(Self.outcome(.isgd).training == PrequentialTraining())
  }
}
