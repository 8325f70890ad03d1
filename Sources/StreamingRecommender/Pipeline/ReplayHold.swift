/// Knows, for each partition, when a restarted engine has applied all that was in the log when it began: from then on no list that it
/// makes can be older than one that readers have from the process before.
///
/// The wait is per partition, and it ends: a partition that makes no progress for `patience` (leaderless, paused, an open transaction
/// at its end) is released, and its users' lists may then step back.
struct ReplayHold: Sendable {
  static let patience = Duration.seconds(60)

  private struct Target {
    /// End of the log when its lag was first known.
    var end: Int64
    var next: Int64
    var movedAt: UInt64
  }

  private var targets: [TopicPartition: Target] = [:]
  private var done: Set<TopicPartition> = []
  /// When a partition without a known lag was first looked at.
  private var unknownSince: [TopicPartition: UInt64] = [:]

  /// Partitions that still wait; `nil` while the partitions themselves are unknown. `released`: those whose patience ended just now.
  mutating func waiting(offsets: PartitionOffsets, status: SourceStatus, now: UInt64) -> (
    held: Set<TopicPartition>, released: [TopicPartition]
  )? {
    guard !status.all.isEmpty else { return nil }
    var released: [TopicPartition] = []
    for partition in status.all where !done.contains(partition) && status.halted[partition] == nil {
      if isDone(partition, offsets, status, now) {
        done.insert(partition)
      } else if isOutOfPatience(partition, now) {
        done.insert(partition)
        released.append(partition)
      }
    }
    return (status.all.subtracting(done).subtracting(status.halted.keys), released.sorted())
  }

  private mutating func isDone(_ partition: TopicPartition, _ offsets: PartitionOffsets, _ status: SourceStatus, _ now: UInt64) -> Bool {
    guard status.assigned.contains(partition), let lag = status.lagRecords[partition] else {
      if unknownSince[partition] == nil { unknownSince[partition] = now }
      return false
    }
    unknownSince[partition] = nil
    if lag == 0 { return true }
    let next = offsets[partition] ?? 0
    var target = targets[partition] ?? Target(end: next + lag, next: next, movedAt: now)
    if next > target.next { (target.next, target.movedAt) = (next, now) }
    targets[partition] = target
    return offsets[partition] != nil && next >= target.end
  }

  private func isOutOfPatience(_ partition: TopicPartition, _ now: UInt64) -> Bool {
    guard let since = unknownSince[partition] ?? targets[partition]?.movedAt else { return false }
    return now - min(now, since) > Self.patience.nanoseconds
  }
}
