import Factorization
import Synchronization

/// Compares models on the newest pairs: users are folded in from the history without them, recall_at_20 = hits / number of the
/// user's held-out items, mean over the users that have some.
struct HoldoutJudge {
  static let k = 20

  private let store: InteractionStore
  private let threshold: InteractionOrder
  private let settings: EngineSettings
  private let pool: WorkerPool
  private let users: [Int32]
  /// Held-out pairs.
  let pairs: Int

  init(store: InteractionStore, threshold: InteractionOrder, settings: EngineSettings, pool: WorkerPool) {
    self.store = store
    self.threshold = threshold
    self.settings = settings
    self.pool = pool
    var users: [Int32] = []
    var pairs = 0
    for user in 0..<Int32(store.userCapacity) {
      var any = false
      store.forEachNewestFirst(user) { _, _, order in
        guard order >= threshold else { return false }
        any = true
        pairs += 1
        return true
      }
      if any { users.append(user) }
    }
    self.users = users
    self.pairs = pairs
  }

  func recall(itemFactors: FactorMatrix, has: @escaping @Sendable (Int32) -> Bool) -> Double {
    let gramian = Gramian(of: itemFactors, pool: pool)
    let panels = ItemPanels(itemFactors)
    let absent = (0..<Int32(itemFactors.rows)).filter { !has($0) }
    let vectorCount = itemFactors.rows - absent.count
    let slice = 64
    let parts = Mutex([Int: Double]())
    let side = SideBox(side: RowSolver.Side(rows: itemFactors.pointer, gramian: gramian, count: vectorCount))
    pool.run(count: users.count, chunk: slice) { range, _ in
      let selector = TopNSelector()
      let workspace = FoldIn.Workspace(factors: itemFactors.factors)
      var total = 0.0
      for index in range {
        total += recallOfUser(users[index], side.side, panels, absent, has, selector, workspace, rows: itemFactors.rows)
      }
      parts.withLock { $0[range.lowerBound] = total }
    }
    let sums = parts.withLock { $0 }
    return sums.keys.sorted().reduce(0) { $0 + sums[$1]! } / Double(max(1, users.count))
  }

  private func recallOfUser(
    _ user: Int32, _ side: RowSolver.Side, _ panels: ItemPanels, _ absent: [Int32], _ has: (Int32) -> Bool,
    _ selector: TopNSelector, _ workspace: FoldIn.Workspace, rows: Int
  ) -> Double {
    let foldIn = settings.foldIn
    var held: Set<Int32> = []
    var excluded = absent
    workspace.begin()
    store.forEachNewestFirst(user) { item, strength, order in
      if order >= threshold {
        if strength > 0 { held.insert(item) }
        return true
      }
      let known = Int(item) < rows && has(item)
      if settings.excludeSeen, known { excluded.append(item) }
      if foldIn.pairs(in: workspace) < foldIn.window {
        foldIn.add(item: known ? item : nil, strength: strength, timeMilliseconds: order.timeMilliseconds, to: workspace)
      }
      return true
    }
    guard !held.isEmpty else { return 0 }
    var row = [Float](repeating: 0, count: Kernels.padded(settings.parameters.factors))
    _ = foldIn.solve(side: side, into: &row, workspace: workspace)
    let list = row.withUnsafeBufferPointer { row in
      let factors = UnsafeBufferPointer(rebasing: row[0..<settings.parameters.factors])
      return selector.top(Self.k, of: panels, for: [.init(factors: factors, excluded: excluded)])[0]
    }
    return Double(list.count { held.contains($0.item) }) / Double(held.count)
  }

  /// Sendable because the factors it points to live as long as the call.
  private struct SideBox: @unchecked Sendable {
    let side: RowSolver.Side
  }
}
