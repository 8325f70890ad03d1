/// Solves one user's row from the kept history, against item factors and their Gramian.
///
/// Training, evaluation and the live stream share it (`RowSolver`), so an unchanged user's fold-in equals its trained row when
/// recency weights and training blocks are off.
public struct FoldIn: Sendable {
  public let solver: RowSolver
  /// `nil`: every pair of the history counts with its strength alone.
  public let recency: RecencyWeights?

  public init(solver: RowSolver, recency: RecencyWeights?) {
    self.solver = solver
    self.recency = recency
  }

  /// Memory of one worker and the history of the user at hand.
  public final class Workspace {
    fileprivate let rows: RowSolver.Workspace
    // Behind a constant pointer: each pair of each fold-in passes here, and a class's own variables are checked at every access.
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

    /// Forgets the user before.
    public func begin() {
      history.pointee.count = 0
      history.pointee.pairs = 0
    }
  }

  /// Pairs whose items have a vector, and how many there were in all.
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

  /// Pairs that a solve looks at, newest first.
  public var window: Int { recency?.window ?? .max }

  /// Adds the user's next pair, newest first; `item` is `nil` where the item has no vector (it still counts as a step in age).
  public func add(item: Int32?, strength: Float, timeMilliseconds: Int64, to workspace: Workspace) {
    let history = workspace.history
    if history.pointee.pairs == 0 { history.pointee.newestMilliseconds = timeMilliseconds }
    history.pointee.pairs += 1
    guard let item else { return }
    let gap = max(0, history.pointee.newestMilliseconds - timeMilliseconds)
    history.pointee.append(item, strength * (recency?.weight(age: history.pointee.pairs, gapMilliseconds: gap) ?? 1))
  }

  /// Pairs added since `begin`.
  public func pairs(in workspace: Workspace) -> Int { workspace.history.pointee.pairs }

  /// Writes the row (padding included); false when it is not finite (zeros are written).
  public func solve(side: RowSolver.Side, into row: UnsafeMutablePointer<Float>, workspace: Workspace) -> Bool {
    let history = workspace.history.pointee
    return solver.solve(
      indices: history.items, strengths: UnsafeBufferPointer(start: history.strengths, count: history.count), side: side, into: row,
      workspace: workspace.rows)
  }
}
