/// Brings one epoch to the readers in the order that keeps every view whole: all item vectors, then the pointer, then every user's list
/// and vector, then similar items, then the removal of vectors that nobody needs any more.
public struct Rollout: Sendable, Equatable {
  public enum Phase: Sendable, Equatable {
    /// Item vectors from this index on are to be submitted.
    case items(next: Int32)
    /// All item vectors are submitted; the pointer follows when this ticket is acknowledged.
    case itemsSubmitted(ticket: UInt64)
    /// The pointer is written; lists of users from this one on are to be submitted.
    case users(next: UserReference)
    case similar(next: Int32)
    case retire(epoch: UInt32, next: Int32)
  }

  public var epoch: UInt32
  /// Whether the epoch is the pending model's, installed when the pointer moves; else the live one's, made visible again.
  public var installs: Bool
  public var phase: Phase

  /// Epochs to retire at the end; the one before this one stays, for readers that are about to read it.
  var retired: [UInt32] { [epoch >= 3 ? epoch - 3 : 0, epoch >= 2 ? epoch - 2 : 0].filter { $0 > 0 } }
}

extension Rollout: CustomStringConvertible {
  public var description: String {
    switch phase {
    case .items, .itemsSubmitted: "epoch \(epoch): item vectors"
    case .users: "epoch \(epoch): lists of users"
    case .similar: "epoch \(epoch): similar items"
    case .retire(let old, _): "epoch \(epoch): removing vectors of epoch \(old)"
    }
  }
}
