import RunRecords

/// Chooses the metrics that are drawn: the ones a reader asks for first, one of each family.
struct Highlights {
  static let countMax = 6
  /// So many are wanted before those of parts of the result are asked.
  private static let countWanted = 4

  let metrics: [Comparison.Metric]

  init(_ all: [Comparison.Metric]) {
    let ranked = all.filter { !Self.isBaseline($0) }.map { ($0, Rank($0)) }.sorted { $0.1 < $1.1 }
    let hasJudged = ranked.contains { $0.1.kind < 2 }
    var families: Set<String> = []
    var chosen: [Comparison.Metric] = []
    for (metric, rank) in ranked where chosen.count < Self.countMax {
      guard rank.depth == 0 && rank.kind == 0 || chosen.count < Self.countWanted else { continue }
      // Counts of users and the like are drawn only where there is nothing else.
      guard rank.kind < 2 || !hasJudged else { continue }
      if families.insert(rank.family).inserted { chosen.append(metric) }
    }
    metrics = chosen
  }

  /// What stands beside the model that was measured.
  private static func isBaseline(_ metric: Comparison.Metric) -> Bool {
    metric.group.hasPrefix("beside") || metric.path.hasPrefix("cold_") || metric.path.hasPrefix("popularity_")
  }

  private struct Rank: Comparable {
    let depth: Int
    /// Quality, cost, or neither.
    let kind: Int
    let order: Int
    let cutoff: Int
    let path: String
    let family: String

    private static let order = [
      "ndcg", "recall", "precision", "map", "mrr", "auc", "hr", "coverage", "rmse", "mae", "mean_percentile_rank",
    ]
    private static let costs: Set<String> = ["seconds", "second", "milliseconds", "microseconds", "bytes", "memory", "gflops"]
    private static let cutoffs = [10, 20, 5, 50, 100]

    init(_ metric: Comparison.Metric) {
      path = metric.path
      depth = metric.path.count { $0 == "." }
      let words = Set(metric.name.split(separator: "_").map(String.init))
      let isCost = !words.isDisjoint(with: Self.costs)
      kind = metric.direction == .unknown ? 2 : isCost ? 1 : 0
      let cutoffText = metric.name.firstRange(of: "_at_").map { String(metric.name[$0.upperBound...].prefix { $0.isNumber }) }
      cutoff = cutoffText.flatMap { Int($0) }.map { Self.cutoffs.firstIndex(of: $0) ?? Self.cutoffs.count } ?? 0
      family = cutoffText.map { metric.path.replacing("_at_\($0)", with: "") } ?? metric.path
      let name = cutoffText.map { metric.name.replacing("_at_\($0)", with: "") } ?? metric.name
      order = Self.order.firstIndex(of: name) ?? Self.order.count
    }

    static func < (first: Rank, second: Rank) -> Bool {
      (first.depth, first.kind, first.order, first.cutoff) == (second.depth, second.kind, second.order, second.cutoff)
        ? NaturalOrder.isBefore(first.path, second.path)
        : (first.depth, first.kind, first.order, first.cutoff) < (second.depth, second.kind, second.order, second.cutoff)
    }
  }
}
