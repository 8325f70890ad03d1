import StreamingRecommender

/// Determines, per partition, when a restarted engine has applied all records that were in the log when it started. From then on, no list
/// that it computes is older than one published by the previous process.
///
/// Each partition waits independently, and the wait is bounded: a partition without progress for `patience` (no leader, paused, open
/// transaction at its end) is released, and its users' lists may then become older.
struct ReplayHold: Sendable {
  static let patience = Duration.seconds(60)

  private struct Target {
    /// The end offset when the partition's lag was first known.
    var end: Int64
    var next: Int64
    var movedAt: UInt64
  }

  private var targets: [TopicPartition: Target] = [:]
  private var done: Set<TopicPartition> = []
  /// When each partition without a known lag was first observed, in monotonic nanoseconds.
  private var unknownSince: [TopicPartition: UInt64] = [:]

  /// Returns the partitions that still wait, or `nil` while the partitions are unknown, and in `released` those that have just timed out.
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

  /// The partitions that are on their way, for messages.
  func progress(_ offsets: PartitionOffsets) -> [TopicPartition: ReplayProgress] {
    var progress: [TopicPartition: ReplayProgress] = [:]
    for (partition, target) in targets where !done.contains(partition) {
      progress[partition] = ReplayProgress(next: offsets[partition] ?? target.next, end: target.end)
    }
    return progress
  }

  private mutating func isDone(_ partition: TopicPartition, _ offsets: PartitionOffsets, _ status: SourceStatus, _ now: UInt64) -> Bool {
    guard status.assigned.contains(partition), let lag = status.lagRecords[partition] else {
      if unknownSince[partition] == nil { unknownSince[partition] = now }
      return false
    }
    if lag == 0 {
      unknownSince[partition] = nil
      return true
    }
    // Before the first record it is not known where the log begins, and so the lag does not tell where it ends.
    guard let next = offsets[partition] else {
      if unknownSince[partition] == nil { unknownSince[partition] = now }
      return false
    }
    unknownSince[partition] = nil
    var target = targets[partition] ?? Target(end: next + lag, next: next, movedAt: now)
    if next > target.next { (target.next, target.movedAt) = (next, now) }
    targets[partition] = target
    return next >= target.end
  }

  private func isOutOfPatience(_ partition: TopicPartition, _ now: UInt64) -> Bool {
    guard let since = unknownSince[partition] ?? targets[partition]?.movedAt else { return false }
    return now - min(now, since) > Self.patience.nanoseconds
  }
}
