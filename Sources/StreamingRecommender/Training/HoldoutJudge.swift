import Factorization

/// Computes recall_at_20 of a model on the holdout, from the lists that the model would serve.
///
/// Users are folded in from the history without the held-out pairs and ranked as in serving (trend and transitions as of before the
/// held-out pairs). recall_at_20 = hits / number of held-out items of the user, averaged over the users with held-out items.
struct HoldoutJudge {
  static let k = 20

  private let holdout: Holdout
  private let users: UserPartitions
  private let settings: EngineSettings
  private let pool: WorkerPool
  private let trend: TrendCounter
  private let transitions: TransitionCounts

  init(_ holdout: Holdout, _ state: EngineState, _ settings: EngineSettings, _ pool: WorkerPool) {
    self.holdout = holdout
    self.settings = settings
    self.pool = pool
    users = state.users
    (trend, transitions) = holdout.signals(state, settings)
  }

  /// Returns the recall of each user of the holdout.
  ///
  /// - Parameter has: whether an item has trained factors.
  func recalls(itemFactors: FactorMatrix, has: @escaping @Sendable (Int32) -> Bool) -> [Double] {
    let gramian = Gramian(of: itemFactors, pool: pool)
    let absent = (0..<Int32(itemFactors.rows)).filter { !has($0) }
    var index = ItemIndex(itemFactors, absent: absent)
    index.setBiases(trend)
    let ranking = Ranking(index, trend: trend, transitions: transitions, settings: settings)
    let side = WorkerShared(RowSolver.Side(rows: itemFactors.pointer, gramian: gramian, count: itemFactors.rows - absent.count))
    let known: @Sendable (Int32) -> Bool = { Int($0) < itemFactors.rows && has($0) }
    return pool.map(count: holdout.users.count, chunk: 64) { range, _ in
      let selector = TopNSelector()
      let workspace = FoldIn.Workspace(factors: itemFactors.factors)
      return range.map { recall(of: holdout.users[$0], side.value, ranking, known, selector, workspace) }
    }
  }

  private func recall(
    of user: UserReference, _ side: RowSolver.Side, _ ranking: Ranking, _ known: (Int32) -> Bool, _ selector: TopNSelector,
    _ workspace: FoldIn.Workspace
  ) -> Double {
    let foldIn = settings.foldIn
    var held: Set<Int32> = []
    var seen: [Int32] = []
    workspace.begin()
    users.forEachNewestFirst(user) { item, strength, order in
      if order >= holdout.threshold {
        if strength > 0 { held.insert(item) }
        return true
      }
      if known(item) { seen.append(item) }
      if foldIn.pairs(in: workspace) < foldIn.window {
        foldIn.add(item: known(item) ? item : nil, strength: strength, timeMilliseconds: order.timeMilliseconds, to: workspace)
      }
      return true
    }
    guard !held.isEmpty else { return 0 }
    var row = [Float](repeating: 0, count: Kernels.padded(settings.parameters.factors))
    _ = foldIn.solve(side: side, into: &row, workspace: workspace)
    let list = row.withUnsafeBufferPointer { row in
      let vector = UnsafeBufferPointer(rebasing: row[0..<settings.parameters.factors])
      return ranking.top(Self.k, [ranking.query(vector, seen: seen) { visible(user, $0) }], selector)[0]
    }
    return Double(list.count { held.contains($0.item) }) / Double(held.count)
  }

  /// The pairs of the user before the holdout, newest first.
  private func visible(_ user: UserReference, _ body: (Int32, Float, InteractionOrder) -> Bool) {
    users.forEachNewestFirst(user) { item, strength, order in order >= holdout.threshold || body(item, strength, order) }
  }
}
