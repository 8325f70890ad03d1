import StreamingRecommender

/// The data that a publish command overwrites. Of two commands with the same target, only the later one has an effect.
public enum PublishTarget: Hashable, Sendable {
  /// The list and the vector of a user, written or removed.
  case user(Identifier)
  case itemFactors(epoch: UInt32, item: Identifier)
  case similar(Identifier)
  case popular
  case itemPack(epoch: UInt32, first: Int32)
  case trend
  case trending
  case itemDocument(Identifier)
}

extension PublishCommand {
  /// `nil` for commands whose position is significant, such as progress and the model pointer.
  public var target: PublishTarget? {
    switch self {
    case .user(let user): .user(user.user)
    case .forget(let user): .user(user)
    case .itemFactors(let epoch, let item, _): .itemFactors(epoch: epoch, item: item)
    case .similar(let item, _): .similar(item)
    case .popular: .popular
    case .itemPack(let pack, _): .itemPack(epoch: pack.epoch, first: pack.first)
    case .trend: .trend
    case .trending: .trending
    case .itemDocument(let item, _, _): .itemDocument(item)
    case .itemsBegin, .itemsComplete, .retireItemFactors, .model, .progress: nil
    }
  }
}

/// For publishers that store commands unencoded: one command has one reply.
extension PublishCommand: QueuedCommand {
  public var replies: Int { 1 }
  public var isExclusive: Bool { false }
  public var isProgress: Bool { if case .progress = self { true } else { false } }
}

/// A command as `PublishQueue` sees it, independent of how a publisher encodes it.
public protocol QueuedCommand: Sendable {
  /// The number of replies that the view sends to it.
  var replies: Int { get }
  var target: PublishTarget? { get }
  /// Whether it must be sent in a pipeline of its own.
  var isExclusive: Bool { get }
  /// Whether it states how far lists cover the log.
  var isProgress: Bool { get }
}
