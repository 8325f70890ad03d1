import StreamingRecommender

/// How old the newest applied record of each partition is while there are others behind it.
///
/// One figure for all partitions would be that of the best one: while some are read, the others may wait for long.
struct PartitionLag: Sendable {
  /// When the newest record that was read of a partition was produced, or when none was left to read; milliseconds since 1970.
  private var coveredUntil: [TopicPartition: Int64] = [:]

  mutating func noteRecord(_ partition: TopicPartition, producedAtMilliseconds time: Int64) {
    coveredUntil[partition] = max(coveredUntil[partition] ?? time, time)
  }

  /// Takes the number of records behind; a partition that has none is covered until now.
  mutating func note(_ lagRecords: [TopicPartition: Int64], nowMilliseconds now: Int64) {
    for (partition, records) in lagRecords where records == 0 { coveredUntil[partition] = now }
    // What another engine reads now says nothing.
    if coveredUntil.count > lagRecords.count { coveredUntil = coveredUntil.filter { lagRecords[$0.key] != nil } }
  }

  /// The partition that is furthest behind; `nil` if nothing waits, or nothing was read yet.
  func worst(_ lagRecords: [TopicPartition: Int64], nowMilliseconds now: Int64) -> WorstLag? {
    lagRecords.filter { $0.value > 0 }
      .compactMap { partition, records in
        coveredUntil[partition].map { WorstLag(partition: partition, records: records, seconds: Double(max(0, now - $0)) / 1e3) }
      }
      .max { ($0.seconds, $1.partition) < ($1.seconds, $0.partition) }
  }
}

/// The partition that is furthest behind.
public struct WorstLag: Sendable, Equatable {
  public var partition: TopicPartition
  public var records: Int64
  /// How old its newest applied record is.
  public var seconds: Double
}
