/// Computes one user's vector (fold-in) from the history, the item factors and their Gramian.
///
/// Training, evaluation and serving share `RowSolver`, so the fold-in of an unchanged user equals the trained row if recency weights and
/// training blocks are disabled.
public struct FoldIn: Sendable {
  public let solver: RowSolver
  /// Recency weights; `nil` weights every pair by its strength alone.
  public let recency: RecencyWeights?

  public init(solver: RowSolver, recency: RecencyWeights?) {
    self.solver = solver
    self.recency = recency
  }

  /// Scratch memory of one worker and the history of the current user.
  public final class Workspace {
    fileprivate let rows: RowSolver.Workspace
    // Accessed through a constant pointer, because stored properties of a class have exclusivity checks on every access and this is a hot
    // path.
    fileprivate let history = UnsafeMutablePointer<History>.allocate(capacity: 1)

    public init(factors: Int) {
      rows = RowSolver.Workspace(factors: factors)
      history.initialize(to: History())
    }

    deinit {
      history.pointee.items.deallocate()
      history.pointee.strengths.deallocate()
      history.deallocate()
    }

    /// Clears the history of the previous user.
    public func begin() {
      history.pointee.count = 0
      history.pointee.pairs = 0
    }
  }

  /// Pairs whose items have a vector, and the total number of pairs.
  fileprivate struct History {
    var capacity = 256
    var items = UnsafeMutablePointer<Int32>.allocate(capacity: 256)
    var strengths = UnsafeMutablePointer<Float>.allocate(capacity: 256)
    var count = 0
    var pairs = 0
    var newestMilliseconds: Int64 = 0

    mutating func append(_ item: Int32, _ strength: Float) {
      if count == capacity { grow() }
      items[count] = item
      strengths[count] = strength
      count += 1
    }

    private mutating func grow() {
      let (oldItems, oldStrengths) = (items, strengths)
      capacity *= 2
      items = .allocate(capacity: capacity)
      strengths = .allocate(capacity: capacity)
      items.update(from: oldItems, count: count)
      strengths.update(from: oldStrengths, count: count)
      oldItems.deallocate()
      oldStrengths.deallocate()
    }
  }

  /// Maximum number of newest pairs that a fold-in uses.
  public var window: Int { recency?.window ?? .max }

  /// Adds the next pair of the user, newest first. `item` is `nil` if the item has no vector; the pair still counts for the age of older
  /// pairs.
  public func add(item: Int32?, strength: Float, timeMilliseconds: Int64, to workspace: Workspace) {
    let history = workspace.history
    if history.pointee.pairs == 0 { history.pointee.newestMilliseconds = timeMilliseconds }
    history.pointee.pairs += 1
    guard let item else { return }
    let gap = max(0, history.pointee.newestMilliseconds - timeMilliseconds)
    history.pointee.append(item, strength * (recency?.weight(age: history.pointee.pairs, gapMilliseconds: gap) ?? 1))
  }

  /// Number of pairs added since `begin`.
  public func pairs(in workspace: Workspace) -> Int { workspace.history.pointee.pairs }

  /// What each pair adds to the product of the user's vector with an item's `vector`; the sum is that product. In the order of the pairs;
  /// `nil` if the equation has no finite solution.
  public func contributions(to vector: UnsafeBufferPointer<Float>, side: RowSolver.Side, workspace: Workspace) -> [ScoredItem]? {
    let history = workspace.history.pointee
    let strengths = UnsafeBufferPointer(start: history.strengths, count: history.count)
    let stride = Kernels.padded(solver.factors)
    let right = Array(vector) + [Float](repeating: 0, count: stride - solver.factors)
    var solved = right
    let isSolved = right.withUnsafeBufferPointer { right in
      solver.solve(
        indices: history.items, strengths: strengths, side: side, for: .vector(right.baseAddress!), into: &solved, workspace: workspace.rows
      )
    }
    guard isSolved else { return nil }
    return strengths.indices.map { index in
      let row = side.rows + Int(history.items[index]) * stride
      let product = (0..<solver.factors).reduce(Float(0)) { $0 + solved[$1] * row[$1] }
      return ScoredItem(item: history.items[index], score: solver.confidence.weightAndTarget(strengths[index]).target * product)
    }
  }

  /// Solves the row and writes it, padding included. Returns false, and writes zeros, if the solution is not finite.
  public func solve(side: RowSolver.Side, into row: UnsafeMutablePointer<Float>, workspace: Workspace) -> Bool {
    let history = workspace.history.pointee
    return solver.solve(
      indices: history.items, strengths: UnsafeBufferPointer(start: history.strengths, count: history.count), side: side, into: row,
      workspace: workspace.rows)
  }
}
