/// Knows when a restarted engine has applied all that was in the log when it began: from then on no list that it makes can be
/// older than one that readers have from the process before.
struct ReplayTarget {
  /// End of the log when its lag was first known.
  private var ends: [TopicPartition: Int64] = [:]
  private var done: Set<TopicPartition> = []

  mutating func isDone(offsets: PartitionOffsets, status: SourceStatus) -> Bool {
    for partition in status.all where !done.contains(partition) && status.halted[partition] == nil {
      guard status.assigned.contains(partition), let lag = status.lagRecords[partition] else { return false }
      if lag == 0 {
        done.insert(partition)
      } else if let next = offsets[partition] {
        let end = ends[partition] ?? next + lag
        ends[partition] = end
        if next >= end { done.insert(partition) }
      }
    }
    return !status.all.isEmpty && done.union(status.halted.keys).isSuperset(of: status.all)
  }
}
