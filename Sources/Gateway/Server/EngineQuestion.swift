import HTTPServing

/// What only the engine can answer, and where its admin server answers it.
public enum EngineQuestion: Sendable, Equatable {
  /// What each past interaction of the user contributes to the score of the item.
  case explanation(user: String, item: String)
  /// The users with the most similar vectors.
  case similarUsers(user: String, count: Int)

  public var path: String {
    switch self {
    case .explanation: "/v1/explain"
    case .similarUsers: "/v1/similar-users"
    }
  }

  public var parameters: [HTTPQuery.Item] {
    switch self {
    case .explanation(let user, let item): [.init("user", user), .init("item", item)]
    case .similarUsers(let user, let count): [.init("user", user), .init("n", String(count))]
    }
  }
}
