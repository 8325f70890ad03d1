import Factorization

/// The baseline for ratings: mean + user bias + item bias, without factors.
///
/// Biases are damped means of the residuals, computed alternately: b_i = sum (r - mean - b_u) / (n_i + damping), then b_u likewise
/// (Koren, "Factor in the neighbors", TKDD 4 (1), 2010, section 2.1, with several sweeps).
struct ExplicitBiasBaseline {
  private let mean: Double
  private var users: [Double]
  private var items: [Double]

  init(_ ratings: InteractionMatrix, damping: Double = 5, sweeps: Int = 10) {
    mean = ratings.strengths.reduce(0) { $0 + Double($1) } / Double(max(1, ratings.entries))
    users = [Double](repeating: 0, count: ratings.rows)
    items = [Double](repeating: 0, count: ratings.columns)
    let transposed = ratings.transposed()
    for _ in 0..<sweeps {
      items = Self.biases(transposed, mean: mean, others: users, damping)
      users = Self.biases(ratings, mean: mean, others: items, damping)
    }
  }

  private static func biases(_ matrix: InteractionMatrix, mean: Double, others: [Double], _ damping: Double) -> [Double] {
    (0..<matrix.rows).map { row in
      let entries = matrix.starts[row]..<matrix.starts[row + 1]
      let sum = entries.reduce(0.0) { $0 + Double(matrix.strengths[$1]) - mean - others[Int(matrix.indices[$1])] }
      return sum / (Double(entries.count) + damping)
    }
  }

  func rating(user: Int?, item: Int?) -> Double { mean + (user.map { users[$0] } ?? 0) + (item.map { items[$0] } ?? 0) }
}
