/// Which values of a metric are better, as far as its name says so.
public enum MetricDirection: String, Sendable {
  case higher, lower, unknown

  /// - Parameters:
  ///   - path: such as `beside.popularity.recall_at_10`.
  ///   - objective: the name of what a search looks for, which its `value` and `validation` mean.
  init(path: String, objective: String? = nil) {
    let parts = path.split(separator: ".").map(String.init)
    var name = parts.last ?? ""
    if name == "value" || name == "mean" || name == "validation" {
      // `test.value` of a search is the objective; `rmse.mean` is named by what is before it.
      name = objective ?? (parts.count > 1 && name != "validation" ? parts[parts.count - 2] : name)
    }
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    if words.contains("difference") || words.contains("differences") {
      self = .unknown
    } else if words.suffix(2) == ["per", "second"] {
      self = .higher
    } else if words.contains(where: Self.lowerWords.contains) || name.lowercased().contains("percentile_rank") {
      self = .lower
    } else {
      self = words.contains(where: Self.higherWords.contains) ? .higher : .unknown
    }
  }

  /// Quality, cost, and what is neither.
  var rank: Int {
    switch self {
    case .higher: 0
    case .lower: 1
    case .unknown: 2
    }
  }

  /// They win: `recall_seconds` is a time.
  private static let lowerWords: Set<String> = [
    "rmse", "mae", "mse", "loss", "logloss", "seconds", "milliseconds", "ms", "microseconds", "bytes", "memory", "error", "errors",
  ]
  private static let higherWords: Set<String> = [
    "recall", "ndcg", "precision", "map", "mrr", "hr", "auc", "coverage", "accuracy", "gflops",
  ]

  /// The index of the best value; `nil` if the direction is unknown, fewer than two runs have a value, or all are equal.
  func best(of values: [Double?]) -> Int? {
    let known = values.enumerated().compactMap { index, value in value.map { (index, $0) } }
    guard self != .unknown, known.count > 1, known.contains(where: { $0.1 != known[0].1 }) else { return nil }
    return (self == .higher ? known.max { $0.1 < $1.1 } : known.min { $0.1 < $1.1 })?.0
  }
}
