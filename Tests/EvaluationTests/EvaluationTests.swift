import Foundation
import StreamingRecommender
import Testing

@testable import Evaluation

@Suite struct RankingMetricsTests {
  @Test func tiesCountHalf() {
    #expect(RankingMetrics.rank(better: 3, ties: 0) == 3)
    #expect(RankingMetrics.rank(better: 3, ties: 5) == 5.5)
  }

  @Test func recallIsOverAllTestItems() {
    #expect(RankingMetrics.recall(hits: 2, testItems: 8) == 0.25)
    #expect(RankingMetrics.recall(hits: 0, testItems: 0) == 0)
  }

  @Test func gainsFallWithTheLogarithmOfTheRank() {
    // Hits at places 0 and 2 of two test items: (1 + 1/2) / (1 + 1/log2(3)).
    #expect(abs(RankingMetrics.ndcg(hitRanks: [0, 2], testItems: 2, k: 20) - 1.5 / (1 + 1 / log2(3))) < 1e-12)
    #expect(RankingMetrics.ndcg(hitRanks: [0, 1, 2], testItems: 9, k: 3) == 1, "the ideal has no more than k ones")
    #expect(RankingMetrics.ndcg(hitRanks: [], testItems: 0, k: 3) == 0)
  }

  @Test func thePercentileGoesFromZeroToOneHundred() {
    #expect(RankingMetrics.percentileRank(0, items: 5) == 0)
    #expect(RankingMetrics.percentileRank(4, items: 5) == 100)
    #expect(RankingMetrics.percentileRank(1.5, items: 4) == 50)
    #expect(RankingMetrics.percentileRank(0, items: 1) == 0)
  }

  @Test func rankTenIsNoHitAtTen() {
    var summary = RankSummary()
    for rank in [0, 9.5, 10, 20] { summary.add(rank: rank, items: 21) }
    #expect(summary.recall == 0.5)
    #expect(abs(summary.meanPercentileRank - (0 + 47.5 + 50 + 100) / 4) < 1e-12)
    #expect(RankSummary().recall == 0)
  }
}

@Suite struct PrequentialTests {
  private func stream(_ pairs: [(String, String)]) -> EvaluationData {
    EvaluationData(
      pairs.enumerated().map { index, pair in
        Interaction(user: Array(pair.0.utf8), item: Array(pair.1.utf8), timeMilliseconds: Int64(index) + 1_000_000, operation: .set)
      })
  }

  private func small() -> PrequentialEngine {
    var configuration = RecommenderConfiguration()
    configuration.model.factors = 4
    return PrequentialEngine(configuration, threads: 1)
  }

  /// Ten events, five items, two learned, one unscored; ranks by hand with the middle rule.
  @Test func popularityIsRankedByHand() {
    let data = stream([
      ("u", "a"), ("v", "a"),  // learned: a 2
      ("u", "b"),  // unscored: a 2, b 1
      ("w", "b"),  // candidates a b; a is better: rank 1. Then a 2, b 2
      ("w", "a"),  // b is history; a alone: rank 0. Then a 3, b 2
      ("x", "c"),  // c is new, scores 0; a and b are better: rank 2. Then c 1
      ("v", "c"),  // a is history; b is better: rank 1. Then c 2
      ("v", "b"),  // a and c are history: rank 0. Then b 3
      ("y", "b"),  // a 3, b 3, c 2: one tie, rank 0.5. Then b 4
      ("y", "d"),  // d is new; a and c are better, b is history: rank 2
    ])
    let popularity = PrequentialEvaluator().run(data, PopularityBaseline())
    #expect(popularity.events == 10 && popularity.updates == 8)
    #expect(popularity.ranks.events == 7)
    #expect(popularity.ranks.recall == 1)
    let ranks = [1, 0, 2, 1, 0, 0.5, 2]
    // Four distinct items in the whole stream.
    let expected = ranks.map { $0 / 3 * 100 }.reduce(0, +) / 7
    #expect(abs(popularity.ranks.meanPercentileRank - expected) < 1e-9)
    #expect(popularity.published == nil)
    let engine = PrequentialEvaluator().run(data, small())
    #expect(engine.ranks.events == 7 && engine.published?.events == 7)
  }

  @Test func deletionsAndDislikesAreNeitherScoredNorCounted() {
    let rows: [(user: String, item: String, strength: Float, operation: Interaction.Operation)] = [
      ("u", "a", 1, .set), ("v", "a", 1, .set),  // learned: a 2
      ("u", "b", 1, .set),  // unscored: a 2, b 1
      ("w", "c", -1, .add),  // a dislike
      ("w", "a", 1, .set),  // c is history; b is worse: rank 0. Then a 3
      ("u", "a", 1, .delete),
      ("x", "b", 1, .set),  // a is better, c has no count: rank 1. Then b 2
      ("u", "a", 1, .set),  // a candidate again; b is history, c has no count: rank 0. Then a 4
      ("y", "d", 1, .set),  // new: a and b are better, c is as unknown: rank 2.5
      ("v", "b", 1, .delete),  // of a pair that is not there
    ]
    let data = EvaluationData(
      rows.enumerated().map { index, row in
        Interaction(
          user: Array(row.user.utf8), item: Array(row.item.utf8), strength: row.strength, timeMilliseconds: Int64(index) + 1_000_000,
          operation: row.operation)
      })
    let popularity = PrequentialEvaluator().run(data, PopularityBaseline())
    #expect(popularity.ranks.events == 4 && popularity.updates == 8)
    #expect(abs(popularity.ranks.meanPercentileRank - (0 + 1 + 0 + 2.5) / 3 * 100 / 4) < 1e-9)
    #expect(PrequentialEvaluator().run(data, IncrementalSGD()).ranks.events == 4)
    #expect(PrequentialEvaluator().run(data, small()).ranks.events == 4)
  }

  @Test func incrementalFactorsDoNotMoveByADislike() {
    func place(_ strength: Float) -> PrequentialPlace {
      func event(_ item: Int, itemsSeen: Int, strength: Float) -> PrequentialEvent {
        PrequentialEvent(
          interaction: Interaction(user: [1], item: [UInt8(item)], strength: strength, timeMilliseconds: 0), user: 0, item: item,
          itemsSeen: itemsSeen)
      }
      var settings = IncrementalSGD.Settings()
      settings.learningRate = 0.5
      var method = IncrementalSGD(settings)
      for item in 0..<20 { method.learn(event(item, itemsSeen: item, strength: -1)) }
      for _ in 0..<20 { method.learn(event(7, itemsSeen: 20, strength: strength)) }
      return method.place(of: event(7, itemsSeen: 20, strength: 1))
    }
    #expect(place(1).rank == 0)
    #expect(place(-1) == place(0))
    #expect(place(-1).rank > 0)
  }

  @Test func aRepeatedPairIsRankedAmongTheOthers() {
    func rank(_ item: Int, excluded: [Int32]) -> Double {
      var event = PrequentialEvent(
        interaction: Interaction(user: [1], item: [1], timeMilliseconds: 0), user: 0, item: item, itemsSeen: 4)
      event.excluded = excluded
      let counts: [Float] = [5, 3, 3, 1]
      return event.place(score: item < 4 ? counts[item] : 0, among: counts).rank
    }
    #expect(rank(1, excluded: []) == 1.5)
    #expect(rank(1, excluded: [0]) == 0.5)
    #expect(rank(1, excluded: [0, 2]) == 0)
    #expect(rank(4, excluded: []) == 4)
    #expect(rank(4, excluded: [3]) == 3)
  }

  @Test func aScoreThatIsNotANumberIsTheLast() {
    var event = PrequentialEvent(interaction: Interaction(user: [1], item: [1], timeMilliseconds: 0), user: 0, item: 2, itemsSeen: 4)
    event.excluded = [0]
    #expect(event.place(score: .nan, among: [1, 2, .nan, 3]).rank == 2)
  }

  @Test func recentPopularityForgets() {
    // "a" leads by far until "b" becomes the fashion: by counts it never catches up.
    let fashions = (0..<3000).map { ("u\($0)", $0 < 2000 ? "a" : "b") }
    let (counts, recent) = (
      PrequentialEvaluator().run(stream(fashions), PopularityBaseline()),
      PrequentialEvaluator().run(stream(fashions), PopularityBaseline(halfLife: 100))
    )
    #expect(recent.ranks.meanPercentileRank < counts.ranks.meanPercentileRank / 2)
  }

  @Test func incrementalFactorsLearnWhoLikesWhat() {
    // Two tastes over forty items, nothing to tell users apart but what they did.
    let events = (0..<60).flatMap { round in (0..<40).map { user in ("u\(user)", "i\((round * 7 + user * 3) % 20 * 2 + user % 2)") } }
    var settings = IncrementalSGD.Settings()
    settings.learningRate = 0.05
    let learned = PrequentialEvaluator().run(stream(events), IncrementalSGD(settings))
    settings.learningRate = 0
    let random = PrequentialEvaluator().run(stream(events), IncrementalSGD(settings))
    #expect(learned.ranks.meanPercentileRank < 0.8 * random.ranks.meanPercentileRank, "\(learned.ranks) \(random.ranks)")
    #expect(abs(random.ranks.meanPercentileRank) < 60)
  }

  @Test func anEmptyStreamGivesZeros() {
    for row in PrequentialRow.allCases {
      let outcome = PrequentialEvaluator().run(stream([]), row.ranker(RecommenderConfiguration(), threads: 1))
      #expect(outcome.events == 0 && outcome.ranks.recall == 0)
    }
  }

  @Test func anItemThatNobodyHasSeenIsLast() {
    // Every event brings a new user and a new item, so all items before it are better.
    let data = stream((0..<10).map { ("u\($0)", "i\($0)") })
    let expected = (3..<10).map { Double($0) / 9 * 100 }.reduce(0, +) / 7
    #expect(abs(PrequentialEvaluator().run(data, PopularityBaseline()).ranks.meanPercentileRank - expected) < 1e-9)
    #expect(abs(PrequentialEvaluator().run(data, small()).ranks.meanPercentileRank - expected) < 1e-9)
  }

  @Test func aTimeInTheFarFutureInAFileIsClamped() throws {
    let path = NSTemporaryDirectory() + "freshet-\(UInt64.random(in: 0...(.max))).jsonl"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(
      """
      {"user_id":"u","item_id":"a","timestamp":99999999999}
      {"user_id":"u","item_id":"b","timestamp":1700000000}

      """.utf8
    ).write(to: URL(fileURLWithPath: path))
    let data = try EvaluationData(path: path)
    try #require(data.interactions.count == 2)
    #expect(data.interactions.allSatisfy { $0.timeMilliseconds < 1 << 44 })
  }

  @Test func aTimeInTheFarFutureInAColumnIsClamped() throws {
    let path = NSTemporaryDirectory() + "freshet-\(UInt64.random(in: 0...(.max))).tsv"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("u\ta\t1\t99999999999\nu\tb\t1\t1700000000\n".utf8).write(to: URL(fileURLWithPath: path))
    let data = try EvaluationData(path: path)
    try #require(data.interactions.count == 2)
    #expect(data.interactions.allSatisfy { $0.timeMilliseconds < 1 << 44 })
  }
}

/// The published popularity figures of protocol P2, and the engine far above them.
@Suite(.serialized) struct PublishedFiguresTests {
  private static let file = MovieLens.path("ml-1m-5star.tsv.gz")

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: file),
      "ml-1m-5star.tsv.gz is not there: set FRESHET_SHARED_DATA to the directory that holds it"),
    .disabled(if: MovieLens.isDebug, "takes minutes without optimisation"))
  func popularityAndTheEngineReachTheirFiguresOnMovieLens() throws {
    let data = try EvaluationData(path: Self.file)
    let engine = PrequentialEvaluator().run(data, PrequentialEngine(RecommenderConfiguration(), threads: 2))
    let popularity = PrequentialEvaluator().run(data, PopularityBaseline())
    print(
      "P2 on ml-1m-5star: recall@10 \(engine.ranks.recall), MPR \(engine.ranks.meanPercentileRank), as published "
        + "\(engine.published?.recall ?? 0); popularity \(popularity.ranks.recall), \(popularity.ranks.meanPercentileRank); \(engine.seconds) s"
    )
    #expect(popularity.ranks.events == 158_417)
    #expect(abs(popularity.ranks.recall - 0.0845) < 0.0002)
    #expect(abs(popularity.ranks.meanPercentileRank - 12.149) < 0.01)
    #expect(engine.ranks.recall >= 0.20)
  }
}
