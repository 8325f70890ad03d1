import Factorization

/// Why an item has its score for a user: the parts of the score, which add up to it.
public struct Explanation: Sendable, Equatable {
  /// What one past interaction of the user adds to the score.
  public struct Part: Sendable, Equatable {
    public var item: Identifier
    public var score: Float
  }

  public var score: Float
  /// By the fold-in: the vector is a sum over the past interactions, so that each has an exact share of its product with the item's.
  /// The largest first, whatever their sign.
  public var interactions: [Part]
  /// By transitions from the user's newest items.
  public var transitions: [Part]
  /// By the recent events of the item itself.
  public var trend: Float
  /// Whether lists leave the item out because the user has used it, and because it is hidden.
  public var isSeen: Bool
  public var isHidden: Bool
}

extension RecommenderEngine {
  /// Explains the score of an item for a user; `nil` without a model, or if the item has no vector.
  ///
  /// As of now: a list that was made before other items got vectors has slightly different scores. For x = A^-1 sum t y (the row equation of `RowSolver`) and an item with vector v: v.x = sum t (A^-1 v).y, one solve for all parts.
  package func explain(_ item: Int32, for user: UserReference) -> Explanation? {
    guard let model, model.hasVector(item) else { return nil }
    let workspace = FoldIn.Workspace(factors: model.factors)
    let shares = state.users.withHistory(of: user, settings.foldIn, model, workspace) { foldIn in
      foldIn.contributions(to: model.itemFactors[Int(item)], side: model.itemSide, workspace: workspace)
    }
    guard let shares else { return nil }
    let hasTaste = shares.contains { $0.score != 0 }
    let weight = hasTaste ? ranking.biasWeight : ranking.biasWeightWithoutTaste
    let trend = weight * state.catalogue.trend.accumulator(item)
    let steps = settings.transitions?.boosts(to: item, state.catalogue.transitions) { state.users.forEachNewestFirst(user, $0) } ?? []
    return Explanation(
      score: (shares + steps).reduce(trend) { $0 + $1.score }, interactions: parts(shares), transitions: parts(steps), trend: trend,
      isSeen: settings.excludeSeen && state.users.seen(user).contains(item), isHidden: state.catalogue.hidden.contains(item))
  }

  private func parts(_ shares: [ScoredItem]) -> [Explanation.Part] {
    shares.filter { $0.score != 0 }.sorted { abs($0.score) == abs($1.score) ? $0.item < $1.item : abs($0.score) > abs($1.score) }
      .map { Explanation.Part(item: Identifier(state.catalogue.items.name($0.item)), score: $0.score) }
  }
}
