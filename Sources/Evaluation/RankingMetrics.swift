/// Ranking metrics with binary relevance, as defined in docs/model.md.
public enum RankingMetrics {
  /// Returns the rank of one item among candidates, from 0, by the middle rule: the better ones plus half of the ties.
  public static func rank(better: Int, ties: Int) -> Double { Double(better) + Double(ties) / 2 }

  /// Returns recall: hits / number of test items, not capped at k.
  public static func recall(hits: Int, testItems: Int) -> Double { testItems == 0 ? 0 : Double(hits) / Double(testItems) }

  /// Returns hits / min(k, number of test items), the variant of the iALS (Rendle et al. 2021) and Mult-VAE (Liang et al. 2018) papers.
  public static func recallCapped(hits: Int, testItems: Int, k: Int) -> Double {
    testItems == 0 ? 0 : Double(hits) / Double(min(k, testItems))
  }

  /// Returns the average precision at k: the sum of the precision at each hit / min(k, number of test items).
  ///
  /// - Parameter hitRanks: ascending, from 0.
  public static func averagePrecision(hitRanks: some Sequence<Int>, testItems: Int, k: Int) -> Double {
    let sum = hitRanks.enumerated().reduce(0.0) { $0 + Double($1.offset + 1) / Double($1.element + 1) }
    return testItems == 0 ? 0 : sum / Double(min(k, testItems))
  }

  /// Returns nDCG at k: the gain of a hit is 1 / log2(rank + 2), with ranks from 0; the ideal list has min(k, testItems) hits at the top.
  public static func ndcg(hitRanks: some Sequence<Int>, testItems: Int, k: Int) -> Double {
    let gain = hitRanks.reduce(0.0) { $0 + 1 / log2Of(Double($1) + 2) }
    let ideal = (0..<min(k, testItems)).reduce(0.0) { $0 + 1 / log2Of(Double($1) + 2) }
    return ideal == 0 ? 0 : gain / ideal
  }

  /// Returns the percentile rank: rank / (items - 1) x 100. Lower is better.
  public static func percentileRank(_ rank: Double, items: Int) -> Double { items <= 1 ? 0 : rank / Double(items - 1) * 100 }
}

/// Means of ranking metrics over single events (prequential evaluation).
public struct RankSummary: Sendable, Equatable {
  public private(set) var events = 0
  private var hits = 0
  private var percentiles = 0.0
  private let k: Double

  public init(k: Int = 10) { self.k = Double(k) }

  public mutating func add(rank: Double, items: Int) {
    events += 1
    if rank < k { hits += 1 }
    percentiles += RankingMetrics.percentileRank(rank, items: items)
  }

  /// The share of events whose item was among the first k; with one test item, recall@k equals HR@k.
  public var recall: Double { events == 0 ? 0 : Double(hits) / Double(events) }
  public var meanPercentileRank: Double { events == 0 ? 0 : percentiles / Double(events) }
}

/// The share of events whose item was in the list.
public struct HitSummary: Sendable, Equatable {
  public private(set) var events = 0
  public private(set) var hits = 0

  public init() {}

  public mutating func add(hit: Bool) {
    events += 1
    hits += hit ? 1 : 0
  }

  public var recall: Double { events == 0 ? 0 : Double(hits) / Double(events) }
}
