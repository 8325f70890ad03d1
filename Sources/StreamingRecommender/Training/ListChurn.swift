import Factorization

/// Compares the lists that two models give the same users now: folded in from the same histories, ranked as in serving.
struct ListChurn {
  static let usersMax = 1000

  private let state: EngineState
  private let users: [UserReference]

  /// Takes users at even distances among those with a history.
  init(_ state: EngineState) {
    self.state = state
    let all = state.users.references.filter { state.users.history($0).liveCount > 0 }
    let step = max(1, all.count / Self.usersMax)
    users = stride(from: 0, to: all.count, by: step).prefix(Self.usersMax).map { all[$0] }
  }

  func report(
    from before: (model: InstalledModel, settings: EngineSettings), to after: (model: InstalledModel, settings: EngineSettings),
    _ pool: WorkerPool
  ) -> ChurnReport? {
    guard !users.isEmpty else { return nil }
    let (old, new) = (lists(before.model, before.settings, pool), lists(after.model, after.settings, pool))
    var overlap = 0.0
    var firstChanged = 0
    for (old, new) in zip(old, new) {
      let length = max(old.count, new.count)
      overlap += length == 0 ? 1 : Double(Set(old).intersection(new).count) / Double(length)
      if old.first != new.first { firstChanged += 1 }
    }
    let popular = mostPopular()
    func popularShare(_ lists: [[Int32]]) -> Double {
      let places = lists.reduce(0) { $0 + $1.count }
      return places == 0 ? 0 : Double(lists.reduce(0) { $0 + $1.count(where: popular.contains) }) / Double(places)
    }
    func coverage(_ lists: [[Int32]], _ model: InstalledModel) -> Double {
      Double(Set(lists.joined()).count) / Double(max(1, model.vectorCount))
    }
    let count = Double(users.count)
    return ChurnReport(
      users: users.count, overlap: overlap / count, firstChanged: Double(firstChanged) / count,
      coverageBefore: coverage(old, before.model), coverageAfter: coverage(new, after.model), popularShareBefore: popularShare(old),
      popularShareAfter: popularShare(new))
  }

  private func mostPopular() -> Set<Int32> {
    Set(state.catalogue.popular(max(1, state.catalogue.items.count / 10)).map(\.item))
  }

  private func lists(_ model: InstalledModel, _ settings: EngineSettings, _ pool: WorkerPool) -> [[Int32]] {
    var index = ItemIndex(model.itemFactors, absent: model.absentItems)
    index.setBiases(state.catalogue)
    let ranking = Ranking(index, trend: state.catalogue.trend, transitions: state.catalogue.transitions, settings: settings)
    let (all, sample) = (state.users, users)
    return pool.map(count: sample.count, chunk: 32) { range, _ in
      let (selector, workspace) = (TopNSelector(), FoldIn.Workspace(factors: model.factors))
      return range.map { all.list(of: sample[$0], model, settings, ranking, workspace, selector) }
    }
  }
}
