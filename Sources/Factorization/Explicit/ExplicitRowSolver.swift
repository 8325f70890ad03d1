/// Solves one row of an explicit model exactly: bias and factors together.
///
/// The bias is treated as an additional factor whose counterpart on the other side is the constant 1: with z_i = (1, y_i), the row (b, x)
/// solves (sum z z' + lambda n^nu I) (b, x) = sum (r - mu - b_i) z, which is `RowSolver` with `Confidence.rating` on the residuals.
/// Training and fold-in share it, so the fold-in of an unchanged user equals the trained row.
struct ExplicitRowSolver {
  private let rows: RowSolver
  private let nonnegative: NonnegativeRowSolver?

  init(_ parameters: ExplicitParameters, kernels: Kernels) {
    rows = RowSolver(
      factors: parameters.rowLength, confidence: .rating, regularization: parameters.regularization, kernels: kernels)
    nonnegative =
      parameters.isNonnegative
      ? NonnegativeRowSolver(
        factors: parameters.rowLength, free: 1, regularization: parameters.regularization, kernels: kernels) : nil
  }

  /// The fixed side of the model during a half-step.
  struct Side {
    /// The rows (1, factors).
    let rows: FactorMatrix
    /// Mean + bias of each row, subtracted from a rating to get the residual.
    let offsets: [Float]
    /// Zero, because unobserved cells have no weight.
    let gramian: Gramian

    /// - Parameter model: the rows (bias, factors).
    init(_ model: FactorMatrix, mean: Float) {
      var rows = model
      rows.withMutablePointer { pointer in
        for row in 0..<model.rows { pointer[row * model.stride] = 1 }
      }
      self.rows = rows
      offsets = (0..<model.rows).map { mean + model[$0][0] }
      gramian = Gramian(factors: model.factors)
    }
  }

  /// Scratch memory of one worker.
  final class Workspace {
    fileprivate let rows: RowSolver.Workspace
    fileprivate let nonnegative: NonnegativeRowSolver.Workspace
    fileprivate var residuals: [Float] = []

    init(factors: Int) {
      rows = RowSolver.Workspace(factors: factors)
      nonnegative = NonnegativeRowSolver.Workspace(factors: factors)
    }
  }

  /// Solves one row and writes (bias, factors), padding included. Returns false, and writes zeros, if the solution is not finite. A row
  /// without ratings is zero.
  func solve(
    indices: UnsafePointer<Int32>, ratings: UnsafeBufferPointer<Float>, side: Side, into row: UnsafeMutablePointer<Float>,
    workspace: Workspace
  ) -> Bool {
    workspace.residuals.removeAll(keepingCapacity: true)
    for (entry, rating) in ratings.enumerated() { workspace.residuals.append(rating - side.offsets[Int(indices[entry])]) }
    return workspace.residuals.withUnsafeBufferPointer { residuals in
      if let nonnegative {
        return nonnegative.solve(
          indices: indices, targets: residuals, rows: side.rows.pointer, into: row, workspace: workspace.nonnegative)
      }
      return rows.solve(
        indices: indices, strengths: residuals,
        side: RowSolver.Side(rows: side.rows.pointer, gramian: side.gramian, count: side.rows.rows), into: row, workspace: workspace.rows)
    }
  }
}
