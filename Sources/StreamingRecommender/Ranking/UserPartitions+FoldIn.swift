import Factorization

extension UserPartitions {
  /// Solves the row of the user by fold-in from the history. Returns false, and writes zeros, if the solution is not finite.
  @discardableResult
  func foldIn(
    _ user: UserReference, _ foldIn: FoldIn, _ model: InstalledModel, into row: UnsafeMutablePointer<Float>,
    _ workspace: FoldIn.Workspace
  ) -> Bool {
    withHistory(of: user, foldIn, model, workspace) { $0.solve(side: model.itemSide, into: row, workspace: workspace) }
  }

  /// Fills the workspace with the pairs of the user.
  func withHistory<R>(
    of user: UserReference, _ foldIn: FoldIn, _ model: InstalledModel, _ workspace: FoldIn.Workspace, _ body: (FoldIn) -> R
  ) -> R {
    workspace.begin()
    let window = foldIn.window
    forEachNewestFirst(user) { item, strength, order in
      foldIn.add(
        item: model.hasVector(item) ? item : nil, strength: strength, timeMilliseconds: order.timeMilliseconds, to: workspace)
      return foldIn.pairs(in: workspace) < window
    }
    return body(foldIn)
  }
}
