/// The roll-out of one epoch: all item vectors, then the pointer, then lists and vectors of all users, then similar items, then the
/// removal of old vectors.
///
/// This order keeps the published data consistent for readers at every point.
public struct Rollout: Sendable, Equatable {
  /// The phases of a roll-out, in order.
  public enum Phase: Sendable, Equatable {
    /// Item vectors from index `next` on must be submitted.
    case items(next: Int32)
    /// All item vectors are submitted; the pointer is switched when `ticket` is acknowledged.
    case itemsSubmitted(ticket: UInt64)
    /// The pointer is switched; lists of users from `next` on must be submitted.
    case users(next: UserReference)
    case similar(next: Int32)
    case retire(epoch: UInt32, next: Int32)
  }

  public var epoch: UInt32
  /// Whether the epoch belongs to the pending model, which is installed when the pointer is switched. If false, the roll-out publishes
  /// the live epoch again.
  public var installs: Bool
  public var phase: Phase

  /// Epochs whose vectors are removed at the end. The previous epoch is kept for readers that have already read the old pointer.
  package var retired: [UInt32] { [epoch >= 3 ? epoch - 3 : 0, epoch >= 2 ? epoch - 2 : 0].filter { $0 > 0 } }
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
