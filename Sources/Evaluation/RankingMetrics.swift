/// Metrics by the names and variants of the product's documentation.
public enum RankingMetrics {
  /// Place of one item among candidates by the middle rule: strictly better ones plus half of the ties; from 0.
  public static func rank(better: Int, ties: Int) -> Double { Double(better) + Double(ties) / 2 }

  /// Hits / number of test items (not capped).
  public static func recall(hits: Int, testItems: Int) -> Double { testItems == 0 ? 0 : Double(hits) / Double(testItems) }

  /// Hits / min(k, number of test items): the variant of the iALS and Mult-VAE papers.
  public static func recallCapped(hits: Int, testItems: Int, k: Int) -> Double {
    testItems == 0 ? 0 : Double(hits) / Double(min(k, testItems))
  }

  /// Sum of the precision at each hit / min(k, number of test items).
  ///
  /// - Parameter hitRanks: ascending, from 0.
  public static func averagePrecision(hitRanks: some Sequence<Int>, testItems: Int, k: Int) -> Double {
    let sum = hitRanks.enumerated().reduce(0.0) { $0 + Double($1.offset + 1) / Double($1.element + 1) }
    return testItems == 0 ? 0 : sum / Double(min(k, testItems))
  }

  /// Binary gains, 1 / log2(rank + 2) with rank from 0; the ideal has min(k, testItems) ones at the top.
  public static func ndcg(hitRanks: some Sequence<Int>, testItems: Int, k: Int) -> Double {
    let gain = hitRanks.reduce(0.0) { $0 + 1 / log2Of(Double($1) + 2) }
    let ideal = (0..<min(k, testItems)).reduce(0.0) { $0 + 1 / log2Of(Double($1) + 2) }
    return ideal == 0 ? 0 : gain / ideal
  }

  /// Rank / (items - 1) x 100; lower is better.
  public static func percentileRank(_ rank: Double, items: Int) -> Double { items <= 1 ? 0 : rank / Double(items - 1) * 100 }
}

/// Means of what is measured event by event.
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

  /// Share of events whose item came among the first k: recall@k = HR@k with one test item.
  public var recall: Double { events == 0 ? 0 : Double(hits) / Double(events) }
  public var meanPercentileRank: Double { events == 0 ? 0 : percentiles / Double(events) }
}

/// Share of events whose item stood in the list.
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
