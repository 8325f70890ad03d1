@testable import Factorization

/// The loss over every cell of the dense matrix in Double, as the two papers write it; shares no code with the trainer.
struct DenseLoss {
  let parameters: ALSParameters
  init(_ parameters: ALSParameters) { self.parameters = parameters }

  struct Parts {
    var observed = 0.0
    var unobserved = 0.0
    var regularizer = 0.0
    var total: Double { observed + unobserved + regularizer }
  }

  /// Of one row, with its own regularizer; `strength` is nil for an unobserved cell.
  func ofRow(_ x: [Double], others: [[Double]], strength: (Int) -> Float?) -> Double {
    var total = 0.0
    var frequency = unobserved * Double(others.count)
    for (column, y) in others.enumerated() {
      let score = dotProduct(x, y)
      let cell = self.cell(strength(column), score)
      total += cell.observed + cell.unobserved
      frequency += cell.weight
    }
    return total + penalty(frequency) * dotProduct(x, x)
  }

  func parts(_ matrix: InteractionMatrix, _ rows: [[Double]], _ columns: [[Double]]) -> Parts {
    var strengths = [[Float?]](repeating: [Float?](repeating: nil, count: matrix.columns), count: matrix.rows)
    for row in 0..<matrix.rows {
      for entry in matrix.starts[row]..<matrix.starts[row + 1] { strengths[row][Int(matrix.indices[entry])] = matrix.strengths[entry] }
    }
    var parts = Parts()
    var rowFrequencies = [Double](repeating: unobserved * Double(columns.count), count: rows.count)
    var columnFrequencies = [Double](repeating: unobserved * Double(rows.count), count: columns.count)
    for row in rows.indices {
      for column in columns.indices {
        let cell = self.cell(strengths[row][column], dotProduct(rows[row], columns[column]))
        parts.observed += cell.observed
        parts.unobserved += cell.unobserved
        rowFrequencies[row] += cell.weight
        columnFrequencies[column] += cell.weight
      }
    }
    parts.regularizer =
      zip(rows, rowFrequencies).reduce(0) { $0 + penalty($1.1) * dotProduct($1.0, $1.0) }
      + zip(columns, columnFrequencies).reduce(0) { $0 + penalty($1.1) * dotProduct($1.0, $1.0) }
    return parts
  }

  private var unobserved: Double {
    switch parameters.confidence {
    case .unobservedWeight(let alpha0): Double(alpha0)
    case .alpha: 1
    case .rating: 0
    }
  }

  /// Rendle et al.: |r| (p - s)^2 for an observed cell and alpha0 s^2 for every cell.
  /// Hu, Koren, Volinsky: c (p - s)^2 with c = 1 + alpha |r|, of which s^2 is booked as unobserved.
  private func cell(_ strength: Float?, _ score: Double) -> (observed: Double, unobserved: Double, weight: Double) {
    guard let strength else { return (0, unobserved * score * score, 0) }
    let target = strength > 0 ? 1.0 : 0
    let miss = (target - score) * (target - score)
    switch parameters.confidence {
    case .unobservedWeight(let alpha0):
      let weight = Double(abs(strength))
      return (weight * miss, Double(alpha0) * score * score, weight)
    case .alpha(let alpha):
      let weight = Double(alpha) * Double(abs(strength))
      return ((1 + weight) * miss - score * score, score * score, weight)
    case .rating: preconditionFailure("ratings have a loss of their own")
    }
  }

  private func penalty(_ frequency: Double) -> Double {
    let exponent = parameters.regularization.exponent
    precondition([0, 0.5, 1].contains(exponent), "the plain twin knows exponents 0, 0.5 and 1")
    let factor = exponent == 0 ? 1 : exponent == 1 ? frequency : frequency.squareRoot()
    return Double(parameters.regularization.lambda) * factor
  }
}
