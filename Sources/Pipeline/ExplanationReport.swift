import StreamingRecommender

/// Why an item has its score for a user, or why there is none.
public enum ExplanationReport: Sendable, Equatable {
  case explained(Explanation, epoch: UInt32)
  case unknownUser
  case unknownItem
  /// There is no model, or it knows nothing of the item yet.
  case noVector
}

extension IngestLoop {
  /// Solves one row: a millisecond at most.
  func explain(_ item: Identifier, for user: Identifier) -> ExplanationReport {
    let id = engine.state.merged.resolve(user.bytes) ?? user.bytes
    guard let reference = engine.state.users.find(id) else { return .unknownUser }
    guard let number = engine.state.catalogue.items.find(item.bytes) else { return .unknownItem }
    guard let explanation = engine.explain(number, for: reference), let epoch = engine.model?.epoch else { return .noVector }
    return .explained(explanation, epoch: epoch)
  }
}
