import CKernels

/// Conjugate gradient solves for several rows at a time, used by training.
extension RowSolver {
  /// Number of rows that `descend` processes together.
  static let rowsAtOnce = Int(FRESHET_GROUP)

  /// The stopping rule of `descend`.
  enum Descent {
    case steps(Int)
    /// Stop when the preconditioned residual is at most this share of the row, both in the norm weighted by the diagonal. Rows that do
    /// not converge, and rows for which a decomposition is faster, are solved exactly.
    case tolerance(Float)
  }
  /// With at least this many factors, conjugate gradients are faster than a decomposition for rows of any length; with fewer, only for
  /// rows with fewer entries than factors. Measured on three data sets with 32, 64 and 128 factors.
  private static let factorsWithoutDecomposition = 96
  private static let stepsToTolerance = 40

  /// The result of `descend`.
  struct Report {
    /// Number of rows without a finite solution; these are set to zero.
    var failures = 0
    /// Number of entries, and the sum of entries times the share of the residual left after the first step, in 1/1024. Integers, so that
    /// the sums do not depend on the order of rows.
    var entries = 0
    var entriesLeft = 0
  }

  /// Improves rows of `result` by conjugate gradients.
  ///
  /// - Parameter rows: sorted by descending length.
  func descend(
    _ rows: ArraySlice<Int32>, of matrix: InteractionMatrix.Pointers, side: PreconditionedSide, descent: Descent,
    into result: UnsafeMutablePointer<Float>, workspace: Workspace
  ) -> Report {
    var long = rows.prefix(0)
    if case .tolerance = descent, factors < Self.factorsWithoutDecomposition {
      long = rows.prefix { matrix.range(Int($0)).count >= factors }
    }
    var report = Report(failures: solve(long, of: matrix, side: side.side, into: result, workspace: workspace))
    for first in stride(from: long.endIndex, to: rows.endIndex, by: Self.rowsAtOnce) {
      let group = rows[first..<min(first + Self.rowsAtOnce, rows.endIndex)]
      descendGroup(group, of: matrix, side: side, descent: descent, into: result, workspace: workspace, &report)
    }
    return report
  }

  private func descendGroup(
    _ rows: ArraySlice<Int32>, of matrix: InteractionMatrix.Pointers, side: PreconditionedSide, descent: Descent,
    into result: UnsafeMutablePointer<Float>, workspace: Workspace, _ report: inout Report
  ) {
    let (steps, tolerance): (Int, Float) =
      switch descent {
      case .steps(let count): (count, 0)
      case .tolerance(let part): (Self.stepsToTolerance, part)
      }
    let stride = Kernels.padded(factors)
    workspace.reserve(rows.reduce(0) { $0 + matrix.range(Int($1)).count })
    withUnsafeTemporaryAllocation(of: freshet_row_t.self, capacity: Self.rowsAtOnce) { group in
      for (index, row) in rows.enumerated() {
        group[index] = freshet_row_t()
        group[index].x = result + Int(row) * stride
      }
      workspace.weights.withUnsafeMutableBufferPointer { weights in
        workspace.targets.withUnsafeMutableBufferPointer { targets in
          var at = 0
          for (index, row) in rows.enumerated() {
            let range = matrix.range(Int(row))
            if range.isEmpty { group[index].x.update(repeating: 0, count: stride) }
            let (weight, target) = (weights.baseAddress! + at, targets.baseAddress! + at)
            let total = confidence.fill(weight, target, from: matrix.strengths + range.lowerBound, count: range.count)
            group[index].ridge = Float(regularization.ofRow(weights: total, unobserved: confidence.unobserved, others: side.side.count))
            group[index].count = Int32(range.count)
            group[index].indices = matrix.indices + range.lowerBound
            (group[index].weights, group[index].targets) = (UnsafePointer(weight), UnsafePointer(target))
            at += range.count
          }
          kernels.table.pointee.conjugate_gradients(
            side.panels.pointer, side.diagonal.pointer, Int32(stride), group.baseAddress, Int32(rows.count), side.side.rows, Int32(steps),
            tolerance, workspace.group.pointer)
        }
      }
      // Rows that did not converge or are NaN (tiny ridge) are solved by a decomposition.
      let unsolved = rows.indices.filter { index in
        let row = group[index - rows.startIndex]
        return tolerance > 0 && row.converged == 0 || !Self.isFinite(row.x, stride)
      }
      report.failures += solve(unsolved.map { rows[$0] }, of: matrix, side: side.side, into: result, workspace: workspace)
      for row in group[..<rows.count] {
        report.entries += Int(row.count)
        report.entriesLeft += Int(min(1, max(0, row.left)) * Float(row.count) * 1024)
      }
    }
  }
}

/// The other side of the model, with a Y'Y in a layout for products with many rows at once.
struct PreconditionedSide {
  let side: RowSolver.Side
  let panels: AlignedBuffer
  let diagonal: AlignedBuffer

  /// - Parameter unobserved: the weight a of unobserved cells.
  init(_ side: RowSolver.Side, unobserved: Float) {
    self.side = side
    let gramian = side.gramian
    panels = gramian.panels(scale: unobserved)
    diagonal = AlignedBuffer(count: Kernels.padded(gramian.factors))
    for i in 0..<gramian.factors { diagonal.pointer[i] = unobserved * gramian[i, i] }
  }
}
