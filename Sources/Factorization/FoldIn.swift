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
    fileprivate var items: [Int32] = []
    fileprivate var strengths: [Float] = []
    fileprivate var pairs = 0
    fileprivate var newestMilliseconds: Int64 = 0

    public init(factors: Int) { rows = RowSolver.Workspace(factors: factors) }

    /// Forgets the user before.
    public func begin() {
      items.removeAll(keepingCapacity: true)
      strengths.removeAll(keepingCapacity: true)
      pairs = 0
    }
  }

  /// Pairs that a solve looks at, newest first.
  public var window: Int { recency?.window ?? .max }

  /// Adds the user's next pair, newest first; `item` is `nil` where the item has no vector (it still counts as a step in age).
  public func add(item: Int32?, strength: Float, timeMilliseconds: Int64, to workspace: Workspace) {
    if workspace.pairs == 0 { workspace.newestMilliseconds = timeMilliseconds }
    workspace.pairs += 1
    guard let item else { return }
    let weight =
      recency?.weight(age: workspace.pairs, gapMilliseconds: max(0, workspace.newestMilliseconds - timeMilliseconds)) ?? 1
    workspace.items.append(item)
    workspace.strengths.append(strength * weight)
  }

  /// Pairs added since `begin`.
  public func pairs(in workspace: Workspace) -> Int { workspace.pairs }

  /// Writes the row (padding included); false when it is not finite (zeros are written).
  public func solve(side: RowSolver.Side, into row: UnsafeMutablePointer<Float>, workspace: Workspace) -> Bool {
    workspace.strengths.withUnsafeBufferPointer { strengths in
      workspace.items.withUnsafeBufferPointer { items in
        guard let first = items.baseAddress, !items.isEmpty else {
          row.update(repeating: 0, count: Kernels.padded(solver.factors))
          return true
        }
        return solver.solve(indices: first, strengths: strengths, side: side, into: row, workspace: workspace.rows)
      }
    }
  }
}
