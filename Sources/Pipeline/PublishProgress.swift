import StreamingRecommender

/// Tracks the offsets covered by acknowledged lists. The result may lag behind but is never ahead.
struct PublishProgress: Sendable {
  /// The offsets after each batch of records.
  private var checkpoints: [(batch: UInt64, offsets: PartitionOffsets)] = []
  /// Unacknowledged tickets, with the first batch that each was meant to cover.
  private var tickets: [(ticket: UInt64, firstBatch: UInt64)] = []
  private static let checkpointsMax = 1024

  mutating func noteBatch(_ batch: UInt64, _ offsets: PartitionOffsets) {
    checkpoints.append((batch, offsets))
    // While the view is unreachable, the newest checkpoints are merged, which makes progress coarser.
    if checkpoints.count > Self.checkpointsMax { checkpoints.remove(at: checkpoints.count - 2) }
  }

  mutating func noteTicket(_ ticket: UInt64, firstBatch: UInt64) { tickets.append((ticket, firstBatch)) }

  mutating func acknowledge(through ticket: UInt64) {
    tickets.removeAll { $0.ticket <= ticket }
  }

  /// Returns the offsets (next to read) that lists cover, given the first batch with waiting users; `nil` if they have not advanced.
  mutating func covered(firstWaitingBatch: UInt64?) -> PartitionOffsets? {
    let open = [tickets.lazy.map(\.firstBatch).min(), firstWaitingBatch].compactMap(\.self).min() ?? .max
    guard let last = checkpoints.lastIndex(where: { $0.batch < open }) else { return nil }
    let offsets = checkpoints[last].offsets
    checkpoints.removeFirst(last + 1)
    return offsets
  }
}
