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
    private(set) lazy var group = AlignedBuffer(
      count: Int(FRESHET_GROUP) * (4 * solution.count + (solution.count + Kernels.panel - 1) / Kernels.panel * Kernels.panel))
    fileprivate(set) var weights: [Float] = []
    fileprivate(set) var targets: [Float] = []

    fileprivate func reserve(_ entries: Int) {
      guard weights.count < entries else { return }
      weights = [Float](repeating: 0, count: entries * 2)
      targets = weights
    }

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
    var added = Float(ridge)
    if nudge > 0 { added += nudge * (0..<factors).reduce(0) { max($0, matrix[$1 * stride + $1]) } }
    for i in 0..<factors { matrix[i * stride + i] += added }
    for i in factors..<max(factors, stride) { matrix[i * stride + i] = 1 }
    guard kernels.table.pointee.cholesky_solve(matrix, solution, Int32(stride)) == 0 else { return false }
    guard Self.isFinite(solution, factors) else { return false }
    row.update(from: solution, count: stride)
    return true
  }

  /// Solves rows of `result` exactly; returns how many had no finite solution (they are zeros then).
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

  /// Rows that `approach` moves together.
  static let rowsAtOnce = Int(FRESHET_GROUP)

  /// How far `approach` goes.
  enum Effort {
    case steps(Int)
    /// Until what is missing is at most this part of the row; rows that do not get there are solved exactly, and so are those for
    /// which a decomposition is the shorter way.
    case tolerance(Float)
  }
  /// From here on conjugate gradients reach their tolerance before a decomposition is done, however long the row; below, only on
  /// rows with fewer entries than factors. Measured on three data sets with 32, 64 and 128 factors.
  private static let factorsWithoutDecomposition = 96
  private static let stepsToTolerance = 40

  /// What `approach` found.
  struct Report {
    /// Rows without a finite solution; they are zeros.
    var failures = 0
    /// Entries, and entries times what the first of several steps left of the residual, in 1,024ths: whole numbers, so that the order
    /// in which rows come does not show.
    var entries = 0
    var entriesLeft = 0
  }

  /// Moves rows of `result` by conjugate gradients nearer to their solutions.
  ///
  /// - Parameter rows: longest first.
  func approach(
    _ rows: ArraySlice<Int32>, of matrix: InteractionMatrix.Pointers, side: GradientSide, effort: Effort,
    into result: UnsafeMutablePointer<Float>, workspace: Workspace
  ) -> Report {
    var long = rows.prefix(0)
    if case .tolerance = effort, factors < Self.factorsWithoutDecomposition {
      long = rows.prefix { matrix.range(Int($0)).count >= factors }
    }
    var report = Report(failures: solve(long, of: matrix, side: side.side, into: result, workspace: workspace))
    for first in stride(from: long.endIndex, to: rows.endIndex, by: Self.rowsAtOnce) {
      let group = rows[first..<min(first + Self.rowsAtOnce, rows.endIndex)]
      approachGroup(group, of: matrix, side: side, effort: effort, into: result, workspace: workspace, &report)
    }
    return report
  }

  private func approachGroup(
    _ rows: ArraySlice<Int32>, of matrix: InteractionMatrix.Pointers, side: GradientSide, effort: Effort,
    into result: UnsafeMutablePointer<Float>, workspace: Workspace, _ report: inout Report
  ) {
    let (steps, tolerance): (Int, Float) =
      switch effort {
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
      // What did not converge, or is no number (hardly any ridge), a decomposition solves.
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

  private static func isFinite(_ row: UnsafePointer<Float>, _ count: Int) -> Bool {
    var sizes: Float = 0
    for i in 0..<count { sizes += abs(row[i]) }
    return sizes.isFinite
  }

  /// Weights and targets of the entries, into the workspace; returns the sum of the weights.
  private func prepare(_ strengths: UnsafeBufferPointer<Float>, _ workspace: Workspace) -> Double {
    workspace.reserve(strengths.count)
    return workspace.weights.withUnsafeMutableBufferPointer { weights in
      workspace.targets.withUnsafeMutableBufferPointer { targets in
        confidence.fill(weights.baseAddress!, targets.baseAddress!, from: strengths.baseAddress!, count: strengths.count)
      }
    }
  }
}

/// The other side of the model as conjugate gradients need it: a Y'Y laid out for products with many rows at once.
///
/// Sendable because nothing writes the buffers after init, and the factors are not written while rows are solved.
struct GradientSide: @unchecked Sendable {
  let side: RowSolver.Side
  let panels: AlignedBuffer
  let diagonal: AlignedBuffer

  /// - Parameter unobserved: a.
  init(_ side: RowSolver.Side, unobserved: Float) {
    self.side = side
    let gramian = side.gramian
    panels = gramian.panels(scale: unobserved)
    diagonal = AlignedBuffer(count: Kernels.padded(gramian.factors))
    for i in 0..<gramian.factors { diagonal.pointer[i] = unobserved * gramian[i, i] }
  }
}
