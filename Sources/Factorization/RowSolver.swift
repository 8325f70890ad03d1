import CKernels

/// Solves one row exactly; shared by training, fold-in and evaluation.
///
/// (a Y'Y + sum w y y' + lambda (sum w + a n)^nu I) x = sum t y (Rendle et al., arXiv 2110.14037, with weights; see `Confidence`).
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

  /// Scratch memory of one worker, reused for many rows.
  public final class Workspace {
    let matrix: AlignedBuffer
    let solution: AlignedBuffer
    let scratch: AlignedBuffer
    /// Scratch memory for conjugate gradients, allocated on first use.
    private(set) lazy var group = AlignedBuffer(count: Int(freshet_group_scratch(Int32(solution.count))))
    var weights: [Float] = []
    var targets: [Float] = []

    func reserve(_ entries: Int) {
      guard weights.count < entries else { return }
      weights = [Float](repeating: 0, count: entries * 2)
      targets = weights
    }

    public init(factors: Int) {
      let stride = Kernels.padded(factors)
      matrix = AlignedBuffer(count: stride * stride)
      solution = AlignedBuffer(count: stride)
      scratch = AlignedBuffer(count: Int(freshet_gather_scratch(Int32(stride))))
    }
  }

  /// The other side of the model: factors, their Gramian, and the number of rows that have factors.
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

  /// What the matrix of a row is solved for.
  public enum RightHandSide {
    /// sum t y: the row itself.
    case targets
    /// sum t y + M b: the row, regularized towards b in the metric M = a Y'Y + lambda (sum w + a n)^nu I and not towards 0.
    case targetsAndPrior(UnsafePointer<Float>)
    /// This vector, padding included.
    case vector(UnsafePointer<Float>)
  }

  /// Solves one row and writes it, padding included, to `row`. Returns false, and writes zeros, if the solution is not finite.
  ///
  /// - Parameters:
  ///   - indices: row indices into `side`, at least `strengths.count`.
  ///   - strengths: r, multiplied by the recency weight if there is one; negative means dislike.
  public func solve(
    indices: UnsafePointer<Int32>, strengths: UnsafeBufferPointer<Float>, side: Side, for right: RightHandSide = .targets,
    into row: UnsafeMutablePointer<Float>, workspace: Workspace
  ) -> Bool {
    let stride = Kernels.padded(factors)
    precondition(side.gramian.factors == factors, "a Gramian of \(side.gramian.factors) factors for \(factors)")
    precondition(workspace.solution.count == stride, "a workspace of \(workspace.solution.count) factors for \(factors)")
    guard !strengths.isEmpty else {
      row.update(repeating: 0, count: stride)
      // Without observations the row is the prior.
      if case .targetsAndPrior(let prior) = right { row.update(from: prior, count: factors) }
      return true
    }
    let totalWeight = prepare(strengths, workspace)
    let ridge = regularization.ofRow(weights: totalWeight, unobserved: confidence.unobserved, others: side.count)
    // Rounding can make the matrix indefinite (huge weights with a tiny ridge); it is then solved with a larger ridge.
    for nudge in [0, 1e-6, 1e-4] as [Float]
    where attempt(indices, strengths.count, side, ridge, nudge: nudge, right, into: row, workspace) {
      return true
    }
    row.update(repeating: 0, count: stride)
    return false
  }

  /// - Parameter nudge: added to the diagonal, relative to its largest element.
  private func attempt(
    _ indices: UnsafePointer<Int32>, _ count: Int, _ side: Side, _ ridge: Double, nudge: Float, _ right: RightHandSide,
    into row: UnsafeMutablePointer<Float>, _ workspace: Workspace
  ) -> Bool {
    let stride = Kernels.padded(factors)
    let matrix = workspace.matrix.pointer
    let solution = workspace.solution.pointer
    let unobserved = confidence.unobserved
    let gramian = side.gramian.pointer
    // The upper triangle, in whole vectors.
    for start in Swift.stride(from: 0, to: stride, by: Kernels.pad) {
      for i in start..<(start + Kernels.pad) {
        for index in (i * stride + start)..<((i + 1) * stride) { matrix[index] = unobserved * gramian[index] }
      }
    }
    solution.update(repeating: 0, count: stride)
    workspace.weights.withUnsafeBufferPointer { weights in
      workspace.targets.withUnsafeBufferPointer { targets in
        kernels.table.pointee.rank_update(
          matrix, solution, Int32(stride), side.rows, indices, weights.baseAddress, targets.baseAddress, Int32(count),
          workspace.scratch.pointer)
      }
    }
    switch right {
    case .targets: break
    case .targetsAndPrior(let prior): addMetric(times: prior, gramian, Float(ridge), to: solution)
    case .vector(let vector): solution.update(from: vector, count: stride)
    }
    var added = Float(ridge)
    if nudge > 0 { added += nudge * (0..<factors).reduce(0) { max($0, matrix[$1 * stride + $1]) } }
    for i in 0..<factors { matrix[i * stride + i] += added }
    for i in factors..<max(factors, stride) { matrix[i * stride + i] = 1 }
    guard kernels.table.pointee.cholesky_solve(matrix, solution, Int32(stride)) == 0 else { return false }
    guard Self.isFinite(solution, factors) else { return false }
    row.update(from: solution, count: stride)
    return true
  }

  /// Adds M b for the metric of `RightHandSide.targetsAndPrior`.
  private func addMetric(
    times prior: UnsafePointer<Float>, _ gramian: UnsafePointer<Float>, _ ridge: Float, to solution: UnsafeMutablePointer<Float>
  ) {
    let stride = Kernels.padded(factors)
    for i in 0..<factors {
      var sum: Float = 0
      // Only the upper triangle is stored.
      for j in 0..<factors { sum += gramian[min(i, j) * stride + max(i, j)] * prior[j] }
      solution[i] += confidence.unobserved * sum + ridge * prior[i]
    }
  }

  /// Solves rows of `result` exactly. Returns the number of rows without a finite solution; these are set to zero.
  func solve(
    _ rows: some Collection<Int32>, of matrix: InteractionMatrix.Pointers, side: Side, into result: UnsafeMutablePointer<Float>,
    workspace: Workspace
  ) -> Int {
    rows.count { row in
      let range = matrix.range(Int(row))
      return !solve(
        indices: matrix.indices + range.lowerBound,
        strengths: UnsafeBufferPointer(start: matrix.strengths + range.lowerBound, count: range.count), side: side,
        into: result + Int(row) * Kernels.padded(factors), workspace: workspace)
    }
  }

  static func isFinite(_ row: UnsafePointer<Float>, _ count: Int) -> Bool {
    var sizes: Float = 0
    for i in 0..<count { sizes += abs(row[i]) }
    return sizes.isFinite
  }

  /// Computes weights and targets of the entries into the workspace and returns the sum of the weights.
  private func prepare(_ strengths: UnsafeBufferPointer<Float>, _ workspace: Workspace) -> Double {
    workspace.reserve(strengths.count)
    return workspace.weights.withUnsafeMutableBufferPointer { weights in
      workspace.targets.withUnsafeMutableBufferPointer { targets in
        confidence.fill(weights.baseAddress!, targets.baseAddress!, from: strengths.baseAddress!, count: strengths.count)
      }
    }
  }
}
