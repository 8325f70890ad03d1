import RecommenderTestKit
import Testing

@testable import Factorization

extension Kernels: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Factors below, at and above a multiple of the padding.
let awkwardCounts = [1, 15, 16, 17, 64, 100]

extension FactorMatrix {
  init(rows: Int, factors: Int, seed: UInt64) { self.init(rows: rows, factors: factors, deviation: 1, seed: seed) }

  /// Rows of whole numbers: products with others are exact.
  init(wholeRows rows: Int, factors: Int, _ random: inout SeededGenerator) {
    self.init(rows: rows, factors: factors)
    for row in 0..<rows { setRow(row, to: random.wholeFloats(factors)) }
  }

  var doubles: [[Double]] { (0..<rows).map { self[$0].map(Double.init) } }
}

extension InteractionMatrix {
  /// One row per array.
  init(columns: Int, rows: [[(column: Int32, strength: Float)]]) {
    self.init(columns: columns)
    for row in rows {
      for entry in row { append(column: entry.column, strength: entry.strength) }
      endRow()
    }
  }
}

/// |a - b| / |b|.
func relativeDistance(_ a: [Double], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  let size = b.reduce(0) { $0 + $1 * $1 }
  return (difference / max(size, 1e-300)).squareRoot()
}

func dotProduct(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// One row solved as the trainer and the fold-in do; `nil` when the solver reports failure.
struct SolvedRow {
  var isSolved: Bool
  /// With the padding.
  var values: [Float]

  init(
    _ parameters: ALSParameters, _ entries: [(row: Int, strength: Float)], others: FactorMatrix, kernels: Kernels = .best,
    workspace: RowSolver.Workspace? = nil, prior: [Float]? = nil
  ) {
    let solver = RowSolver(parameters, kernels: kernels)
    let gramian = Gramian(of: others, pool: WorkerPool(workers: 1), kernels: kernels)
    let side = RowSolver.Side(rows: others.pointer, gramian: gramian, count: others.rows)
    var row = [Float](repeating: 7, count: Kernels.padded(parameters.factors))
    let indices = entries.map { Int32($0.row) }
    let strengths = entries.map(\.strength)
    isSolved = withExtendedLifetime(others) {
      strengths.withUnsafeBufferPointer { strengths in
        indices.withUnsafeBufferPointer { indices in
          row.withUnsafeMutableBufferPointer { row in
            (prior ?? []).withUnsafeBufferPointer { values in
              solver.solve(
                indices: indices.baseAddress!, strengths: strengths, side: side,
                for: prior == nil ? .targets : .targetsAndPrior(values.baseAddress!), into: row.baseAddress!,
                workspace: workspace ?? RowSolver.Workspace(factors: parameters.factors))
            }
          }
        }
      }
    }
    values = row
  }

  var doubles: [Double] { values.map(Double.init) }
}
