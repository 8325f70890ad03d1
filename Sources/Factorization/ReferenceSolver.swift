/// A reference implementation of `RowSolver` in Double without blocking or vectorization, used only by tests.
public struct ReferenceSolver {
  public let parameters: ALSParameters
  public init(_ parameters: ALSParameters) { self.parameters = parameters }

  /// - Parameters:
  ///   - others: all rows of the other side that have factors.
  ///   - prior: what the row is regularized towards, see `RowSolver.RightHandSide`.
  public func solve(entries: [(row: Int, strength: Float)], others: FactorMatrix, prior: [Float]? = nil) -> [Double] {
    let k = parameters.factors
    guard !entries.isEmpty else { return [Double](repeating: 0, count: k) }
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: k), count: k)
    var rhs = [Double](repeating: 0, count: k)
    func add(_ y: UnsafeBufferPointer<Float>, _ weight: Double) {
      for i in 0..<k { for j in 0..<k { matrix[i][j] += weight * Double(y[i]) * Double(y[j]) } }
    }
    let unobserved = parameters.confidence.unobserved
    for row in 0..<others.rows { add(others[row], Double(unobserved)) }
    let unobservedMatrix = matrix
    var total = 0.0
    for entry in entries {
      let (weight, target) = parameters.confidence.weightAndTarget(entry.strength)
      add(others[entry.row], Double(weight))
      for i in 0..<k { rhs[i] += Double(target) * Double(others[entry.row][i]) }
      total += Double(weight)
    }
    let ridge = parameters.regularization.ofRow(weights: total, unobserved: unobserved, others: others.rows)
    for i in 0..<k { matrix[i][i] += ridge }
    for (i, value) in (prior ?? []).enumerated() {
      rhs[i] += ridge * Double(value)
      for j in 0..<k { rhs[j] += unobservedMatrix[j][i] * Double(value) }
    }
    return Self.eliminate(&matrix, &rhs)
  }

  /// Gaussian elimination with partial pivoting.
  private static func eliminate(_ a: inout [[Double]], _ b: inout [Double]) -> [Double] {
    let n = b.count
    for column in 0..<n {
      let pivot = (column..<n).max { abs(a[$0][column]) < abs(a[$1][column]) }!
      a.swapAt(column, pivot)
      b.swapAt(column, pivot)
      for row in (column + 1)..<max(column + 1, n) {
        let factor = a[row][column] / a[column][column]
        guard factor != 0 else { continue }
        for j in column..<n { a[row][j] -= factor * a[column][j] }
        b[row] -= factor * b[column]
      }
    }
    var x = b
    for row in stride(from: n - 1, through: 0, by: -1) {
      for j in (row + 1)..<max(row + 1, n) { x[row] -= a[row][j] * x[j] }
      x[row] /= a[row][row]
    }
    return x
  }
}
