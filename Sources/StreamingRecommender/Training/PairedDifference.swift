/// The mean difference of paired measurements with its 95 % confidence interval (normal approximation).
///
/// Both models are measured on the same users, so what makes a user easy or hard to predict cancels out; comparing two means would take
/// that variation for noise of the models.
struct PairedDifference: Equatable, Sendable {
  let mean: Double
  /// Half the width of the interval; infinite for fewer than two pairs.
  let margin: Double

  /// - Parameter values: one pair per user; `before[i]` and `after[i]` belong together.
  init(before: [Double], after: [Double]) {
    precondition(before.count == after.count, "got \(before.count) and \(after.count) measurements")
    let differences = zip(before, after).map { $1 - $0 }
    let count = Double(differences.count)
    let mean = count > 0 ? differences.reduce(0, +) / count : 0
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    margin = count > 1 ? 1.96 * (squares / (count - 1) / count).squareRoot() : .infinity
  }

  /// Whether the interval lies below zero.
  var isDrop: Bool { mean + margin < 0 }
}
