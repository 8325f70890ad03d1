import CKernels

/// Non-negative least squares for one row: minimizes x'(sum y y' + lambda n^nu I)x - 2 x'(sum t y) over x >= 0.
///
/// Coordinate descent on the normal equations (Franc, Hlavac, Navara, "Sequential coordinate-wise algorithm for the non-negative least
/// squares problem", CAIP 2005): each step computes the exact minimum along one coordinate, clipped at 0. The ridge makes the minimum
/// unique and the descent always starts at 0, so the result depends only on the data of the row.
struct NonnegativeRowSolver {
  let factors: Int
  /// Number of leading coordinates without the constraint: the bias.
  let free: Int
  let regularization: Regularization
  let kernels: Kernels

  /// The descent ends when a sweep changes no coordinate by more than this, relative to the largest coordinate.
  static let tolerance = 1e-9
  /// Maximum number of sweeps; reached only if lambda is close to zero.
  static let sweepsMax = 5_000

  /// Scratch memory of one worker.
  final class Workspace {
    fileprivate let matrix: AlignedBuffer
    fileprivate let rhs: AlignedBuffer
    fileprivate let scratch: AlignedBuffer
    fileprivate var ones: [Float] = []
    /// The full matrix, `factors` x `factors`.
    fileprivate var whole: [Double]
    fileprivate var solution: [Double]
    fileprivate var gradient: [Double]

    init(factors: Int) {
      let stride = Kernels.padded(factors)
      matrix = AlignedBuffer(count: stride * stride)
      rhs = AlignedBuffer(count: stride)
      scratch = AlignedBuffer(count: Int(freshet_gather_scratch(Int32(stride))))
      whole = [Double](repeating: 0, count: factors * factors)
      solution = [Double](repeating: 0, count: factors)
      gradient = solution
    }
  }

  /// Solves one row and writes it, padding included. Returns false, and writes zeros, if the solution is not finite. A row without
  /// targets is zero.
  ///
  /// - Parameters:
  ///   - indices: row indices of the other side, one per target.
  ///   - rows: the other side, `Kernels.padded(factors)` floats per row.
  func solve(
    indices: UnsafePointer<Int32>, targets: UnsafeBufferPointer<Float>, rows: UnsafePointer<Float>,
    into row: UnsafeMutablePointer<Float>, workspace: Workspace
  ) -> Bool {
    row.update(repeating: 0, count: Kernels.padded(factors))
    guard !targets.isEmpty else { return true }
    setUp(indices, targets, rows, workspace)
    descend(workspace)
    guard workspace.solution.allSatisfy({ Float($0).isFinite }) else { return false }
    for i in 0..<factors { row[i] = Float(workspace.solution[i]) }
    return true
  }

  /// Computes the normal equations into `whole` and `gradient`.
  private func setUp(
    _ indices: UnsafePointer<Int32>, _ targets: UnsafeBufferPointer<Float>, _ rows: UnsafePointer<Float>, _ workspace: Workspace
  ) {
    let stride = Kernels.padded(factors)
    let (matrix, rhs) = (workspace.matrix.pointer, workspace.rhs.pointer)
    matrix.update(repeating: 0, count: stride * stride)
    rhs.update(repeating: 0, count: stride)
    if workspace.ones.count < targets.count { workspace.ones = [Float](repeating: 1, count: targets.count * 2) }
    workspace.ones.withUnsafeBufferPointer { ones in
      kernels.table.pointee.rank_update(
        matrix, rhs, Int32(stride), rows, indices, ones.baseAddress, targets.baseAddress, Int32(targets.count), workspace.scratch.pointer)
    }
    let ridge = regularization.ofRow(weights: Double(targets.count), unobserved: 0, others: 0)
    for i in 0..<factors {
      for j in i..<factors {
        let element = Double(matrix[i * stride + j]) + (i == j ? ridge : 0)
        workspace.whole[i * factors + j] = element
        workspace.whole[j * factors + i] = element
      }
      workspace.gradient[i] = Double(rhs[i])
    }
  }

  /// Runs the coordinate descent. Invariant: `gradient` is rhs - matrix x.
  private func descend(_ workspace: Workspace) {
    let (factors, free) = (self.factors, self.free)
    workspace.whole.withUnsafeBufferPointer { matrix in
      workspace.gradient.withUnsafeMutableBufferPointer { gradient in
        workspace.solution.withUnsafeMutableBufferPointer { x in
          x.update(repeating: 0)
          for _ in 0..<Self.sweepsMax {
            var (moved, largest) = (0.0, 0.0)
            for i in 0..<factors {
              let target = x[i] + gradient[i] / matrix[i * factors + i]
              let step = (i < free ? target : max(0, target)) - x[i]
              largest = max(largest, abs(x[i] + step))
              guard step != 0 else { continue }
              moved = max(moved, abs(step))
              x[i] += step
              for j in 0..<factors { gradient[j] -= step * matrix[i * factors + j] }
            }
            if moved <= Self.tolerance * largest { return }
          }
        }
      }
    }
  }
}
