/// Solves one row of a model of ratings: bias and factors at once, exactly.
///
/// The bias is one more factor whose partner on the other side is the constant 1: with z_i = (1, y_i) the row (b, x) solves
/// (sum z z' + lambda n^nu I) (b, x) = sum (r - mu - b_i) z, which is `RowSolver` with `Confidence.rating` on the residuals.
/// Training and fold-in share it, so an unchanged user's fold-in equals its trained row.
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

  /// The other side of the model while it stands still.
  struct Side {
    /// (1, factors) of each row.
    let rows: FactorMatrix
    /// What a rating is compared with before the row at hand has its say: mean + bias.
    let offsets: [Float]
    /// Nothing: pairs without a rating do not count.
    let gramian: Gramian

    /// - Parameter model: (bias, factors) of each row.
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

  /// Memory of one worker.
  final class Workspace {
    fileprivate let rows: RowSolver.Workspace
    fileprivate let nonnegative: NonnegativeRowSolver.Workspace
    fileprivate var residuals: [Float] = []

    init(factors: Int) {
      rows = RowSolver.Workspace(factors: factors)
      nonnegative = NonnegativeRowSolver.Workspace(factors: factors)
    }
  }

  /// Writes (bias, factors), padding included; false, and zeros, when the solution is not finite. A row without ratings gets zeros.
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
