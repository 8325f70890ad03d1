import CKernels

/// The exact solve of one row, shared by training, fold-in and evaluation:
/// (a Y'Y + sum w y y' + lambda (sum w + a n)^nu I) x = sum t y   (Rendle et al., arXiv 2110.14037, with weights; `Confidence`).
public struct RowSolver: Sendable {
  public let factors: Int
  public let confidence: Confidence
  public let regularization: Regularization
  public let kernels: Kernels

  public init(factors: Int, confidence: Confidence, regularization: Regularization, kernels: Kernels = .best) {
    self.factors = factors
    self.confidence = confidence
    self.regularization = regularization
    self.kernels = kernels
  }

  public init(_ parameters: ALSParameters, kernels: Kernels = .best) {
    self.init(
      factors: parameters.factors, confidence: parameters.confidence, regularization: parameters.regularization, kernels: kernels)
  }

  /// Memory of one worker; made once, used for many rows.
  public final class Workspace {
    let matrix: AlignedBuffer
    let solution: AlignedBuffer
    let scratch: AlignedBuffer
    /// For conjugate gradients; made when first needed.
    private(set) lazy var packed = AlignedBuffer(count: (Int(FRESHET_PACKED_ROWS) + 3) * solution.count)
    fileprivate(set) var weights: [Float] = []
    fileprivate(set) var targets: [Float] = []

    public init(factors: Int) {
      let stride = Kernels.padded(factors)
      matrix = AlignedBuffer(count: stride * stride)
      solution = AlignedBuffer(count: stride)
      scratch = AlignedBuffer(count: Int(FRESHET_GATHER_ROWS) * stride * 2)
    }
  }

  /// The other side of the model, as a solve needs it: its factors, their Gramian, and how many rows have factors.
  public struct Side {
    public let rows: UnsafePointer<Float>
    public let gramian: Gramian
    public let count: Int
    public init(rows: UnsafePointer<Float>, gramian: Gramian, count: Int) {
      self.rows = rows
      self.gramian = gramian
      self.count = count
    }
  }

  /// Writes the solution (padding included) to `row`; returns false, and writes zeros, when the solution is not finite.
  ///
  /// - Parameters:
  ///   - indices: rows of `side`, at least `strengths.count` of them.
  ///   - strengths: r, times the recency weight where there is one; negative = dislike.
  public func solve(
    indices: UnsafePointer<Int32>, strengths: UnsafeBufferPointer<Float>, side: Side, into row: UnsafeMutablePointer<Float>,
    workspace: Workspace
  ) -> Bool {
    let stride = Kernels.padded(factors)
    precondition(side.gramian.factors == factors, "a Gramian of \(side.gramian.factors) factors for \(factors)")
    precondition(workspace.solution.count == stride, "a workspace of \(workspace.solution.count) factors for \(factors)")
    guard !strengths.isEmpty else {
      row.update(repeating: 0, count: stride)
      return true
    }
    let totalWeight = prepare(strengths, workspace)
    let ridge = regularization.ofRow(weights: totalWeight, unobserved: confidence.unobserved, others: side.count)
    // A matrix that rounding has made indefinite (huge weights, hardly any ridge) is solved with a ridge that Float can see.
    for nudge in [0, 1e-6, 1e-4] as [Float] where attempt(indices, strengths.count, side, ridge, nudge: nudge, into: row, workspace) {
      return true
    }
    row.update(repeating: 0, count: stride)
    return false
  }

  /// - Parameter nudge: added to the diagonal, times its largest element.
  private func attempt(
    _ indices: UnsafePointer<Int32>, _ count: Int, _ side: Side, _ ridge: Double, nudge: Float, into row: UnsafeMutablePointer<Float>,
    _ workspace: Workspace
  ) -> Bool {
    let stride = Kernels.padded(factors)
    let matrix = workspace.matrix.pointer
    let solution = workspace.solution.pointer
    let unobserved = confidence.unobserved
    let gramian = side.gramian.pointer
    for index in 0..<(stride * stride) { matrix[index] = unobserved * gramian[index] }
    solution.update(repeating: 0, count: stride)
    workspace.weights.withUnsafeBufferPointer { weights in
      workspace.targets.withUnsafeBufferPointer { targets in
        kernels.table.pointee.rank_update(
          matrix, solution, Int32(stride), side.rows, indices, weights.baseAddress, targets.baseAddress, Int32(count),
          workspace.scratch.pointer)
      }
    }
    var added = Float(ridge)
    if nudge > 0 { added += nudge * (0..<factors).reduce(0) { max($0, matrix[$1 * stride + $1]) } }
    for i in 0..<factors { matrix[i * stride + i] += added }
    for i in factors..<max(factors, stride) { matrix[i * stride + i] = 1 }
    guard kernels.table.pointee.cholesky_solve(matrix, solution, Int32(stride)) == 0 else { return false }
    var sizes: Float = 0
    for i in 0..<factors { sizes += abs(solution[i]) }
    guard sizes.isFinite else { return false }
    row.update(from: solution, count: stride)
    return true
  }

  /// Moves `row` some steps of conjugate gradients nearer to the solution; false (and zeros) when it is not finite.
  ///
  /// - Parameter matrix: a Y'Y, both triangles.
  func approach(
    indices: UnsafePointer<Int32>, strengths: UnsafeBufferPointer<Float>, side: Side, matrix: AlignedBuffer, steps: Int,
    into row: UnsafeMutablePointer<Float>, workspace: Workspace
  ) -> Bool {
    let stride = Kernels.padded(factors)
    guard !strengths.isEmpty else {
      row.update(repeating: 0, count: stride)
      return true
    }
    let totalWeight = prepare(strengths, workspace)
    let ridge = regularization.ofRow(weights: totalWeight, unobserved: confidence.unobserved, others: side.count)
    workspace.weights.withUnsafeBufferPointer { weights in
      workspace.targets.withUnsafeBufferPointer { targets in
        kernels.table.pointee.conjugate_gradients(
          matrix.pointer, Float(ridge), row, Int32(stride), side.rows, indices, weights.baseAddress, targets.baseAddress,
          Int32(strengths.count), Int32(steps), workspace.packed.pointer)
      }
    }
    var sizes: Float = 0
    for i in 0..<factors { sizes += abs(row[i]) }
    if sizes.isFinite { return true }
    row.update(repeating: 0, count: stride)
    return false
  }

  /// Weights and targets of the entries, into the workspace; returns the sum of the weights.
  private func prepare(_ strengths: UnsafeBufferPointer<Float>, _ workspace: Workspace) -> Double {
    if workspace.weights.count < strengths.count {
      workspace.weights = [Float](repeating: 0, count: strengths.count * 2)
      workspace.targets = workspace.weights
    }
    var total = 0.0
    for entry in 0..<strengths.count {
      let (weight, target) = confidence.weightAndTarget(strengths[entry])
      workspace.weights[entry] = weight
      workspace.targets[entry] = target
      total += Double(weight)
    }
    return total
  }
}
