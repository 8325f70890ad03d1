/// Ridge regression on one-hot rows with an intercept, for many targets at once.
///
/// Solves (F'F + lambda I) W = F'Y by conjugate gradients with a Jacobi preconditioner, without forming F'F: the cost of an iteration is
/// proportional to the number of features set, and the memory to columns x factors. The intercept, the last column, is set in every row
/// and hardly regularized.
struct RidgeSolver {
  private let rows: [[Int32]]
  private let columns: Int
  private let factors: Int
  private let diagonal: [Float]
  private let inverse: [Float]

  private static let iterationsMax = 60
  private static let tolerance = 1e-6
  private static let interceptRegularization: Float = 1e-3

  /// - Parameter rows: the columns that are set, each row at least one and each column once.
  init(rows: [[Int32]], columns: Int, factors: Int, regularization: Float) {
    self.rows = rows
    self.columns = columns + 1
    self.factors = factors
    var counts = [Float](repeating: 0, count: columns + 1)
    for row in rows { for column in row { counts[Int(column)] += 1 } }
    counts[columns] = Float(rows.count)
    diagonal = [Float](repeating: regularization, count: columns) + [Self.interceptRegularization]
    inverse = zip(counts, diagonal).map { 1 / ($0 + $1) }
  }

  /// Columns x factors. `target` gives the vector of a row.
  func solve(_ target: (Int) -> UnsafeBufferPointer<Float>) -> [Float] {
    var weights = [Float](repeating: 0, count: columns * factors)
    var residual = weights
    residual.withUnsafeMutableBufferPointer { residual in
      for index in rows.indices { spread(target(index).baseAddress!, rows[index], into: residual.baseAddress!) }
    }
    var direction = preconditioned(residual)
    var old = dots(residual, direction)
    let first = old
    for _ in 0..<Self.iterationsMax {
      let product = product(direction)
      let curvature = dots(direction, product)
      let steps = zip(old, curvature).map { $1 > 0 ? $0 / $1 : 0 }
      add(direction, steps, to: &weights)
      add(product, steps.map { -$0 }, to: &residual)
      let next = preconditioned(residual)
      let new = dots(residual, next)
      if zip(new, first).allSatisfy({ $0 <= Self.tolerance * $1 }) { break }
      let factor = zip(new, old).map { $1 > 0 ? $0 / $1 : 0 }
      old = new
      for column in 0..<columns {
        for dimension in 0..<factors {
          let at = column * factors + dimension
          direction[at] = next[at] + Float(factor[dimension]) * direction[at]
        }
      }
    }
    return weights
  }

  /// (F'F + lambda I) P.
  private func product(_ direction: [Float]) -> [Float] {
    var result = direction
    for column in 0..<columns { for at in (column * factors)..<((column + 1) * factors) { result[at] *= diagonal[column] } }
    var sum = [Float](repeating: 0, count: factors)
    direction.withUnsafeBufferPointer { direction in
      result.withUnsafeMutableBufferPointer { result in
        sum.withUnsafeMutableBufferPointer { sum in
          for row in rows {
            let intercept = direction.baseAddress! + (columns - 1) * factors
            for dimension in 0..<factors { sum[dimension] = intercept[dimension] }
            for column in row {
              let weights = direction.baseAddress! + Int(column) * factors
              for dimension in 0..<factors { sum[dimension] += weights[dimension] }
            }
            spread(sum.baseAddress!, row, into: result.baseAddress!)
          }
        }
      }
    }
    return result
  }

  /// Adds a vector to the columns of a row, the intercept included.
  private func spread(_ vector: UnsafePointer<Float>, _ row: [Int32], into result: UnsafeMutablePointer<Float>) {
    for column in row + [Int32(columns - 1)] {
      let target = result + Int(column) * factors
      for dimension in 0..<factors { target[dimension] += vector[dimension] }
    }
  }

  private func preconditioned(_ values: [Float]) -> [Float] {
    var result = values
    for column in 0..<columns { for at in (column * factors)..<((column + 1) * factors) { result[at] *= inverse[column] } }
    return result
  }

  /// One inner product per target.
  private func dots(_ a: [Float], _ b: [Float]) -> [Double] {
    var sums = [Double](repeating: 0, count: factors)
    for column in 0..<columns {
      for dimension in 0..<factors { sums[dimension] += Double(a[column * factors + dimension]) * Double(b[column * factors + dimension]) }
    }
    return sums
  }

  private func add(_ values: [Float], _ steps: [Double], to result: inout [Float]) {
    for column in 0..<columns {
      for dimension in 0..<factors {
        result[column * factors + dimension] += Float(steps[dimension]) * values[column * factors + dimension]
      }
    }
  }
}
