/// Brings one epoch to the readers in the order that keeps every view whole: all item vectors, then the pointer, then every
/// user's list and vector, then similar items, then the vectors of epochs that nobody needs any more.
struct Rollout: Sendable, Equatable {
  enum Phase: Sendable, Equatable {
    case items(next: Int32)
    /// All item vectors are submitted; the pointer follows when this ticket is acknowledged.
    case itemsSubmitted(ticket: UInt64)
    case users(next: Int32)
    case similar(next: Int32)
    case retire(epoch: UInt32, next: Int32)
    case done
  }

  var epoch: UInt32
  /// Whether the epoch is the pending model's, installed at the flip; else the live one's, made visible again.
  var installs: Bool
  var phase: Phase
  /// Epochs to retire at the end; the one before this one stays, for readers that are still about to read it.
  var retired: [UInt32] { [epoch >= 3 ? epoch - 3 : 0, epoch >= 2 ? epoch - 2 : 0].filter { $0 > 0 } }
}
