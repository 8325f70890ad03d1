/// What a publish command overwrites as a whole: of two commands with the same target, only the later one matters.
public enum PublishTarget: Hashable, Sendable {
  /// The list and the vector of a user, written or removed.
  case user(Identifier)
  case itemFactors(epoch: UInt32, item: Identifier)
  case similar(Identifier)
  case popular
}

extension PublishCommand {
  /// `nil` for commands whose place among the others is part of their meaning, such as progress and the model pointer.
  public var target: PublishTarget? {
    switch self {
    case .user(let user): .user(user.user)
    case .forget(let user): .user(user)
    case .itemFactors(let epoch, let item, _): .itemFactors(epoch: epoch, item: item)
    case .similar(let item, _): .similar(item)
    case .popular: .popular
    case .itemsBegin, .itemsComplete, .retireItemFactors, .model, .progress: nil
    }
  }
}

/// One command, one reply: for publishers that keep commands as they are.
extension PublishCommand: QueuedCommand {
  public var replies: Int { 1 }
  public var isExclusive: Bool { false }
}
