import Factorization

extension UserPartitions {
  /// The list that a model gives the user now: folded in from the history, ranked as in serving.
  func list(
    of user: UserReference, _ model: InstalledModel, _ settings: EngineSettings, _ ranking: Ranking, _ workspace: FoldIn.Workspace,
    _ selector: TopNSelector
  ) -> [Int32] {
    var row = [Float](repeating: 0, count: model.itemFactors.stride)
    foldIn(user, settings.foldIn, model, into: &row, workspace)
    return row.withUnsafeBufferPointer { row in
      let vector = UnsafeBufferPointer(rebasing: row[0..<model.factors])
      let query = ranking.query(vector, seen: seen(user)) { forEachNewestFirst(user, $0) }
      return ranking.top(settings.n, [query], selector)[0].map(\.item)
    }
  }
}
