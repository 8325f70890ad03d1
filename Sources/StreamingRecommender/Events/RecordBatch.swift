/// Consecutive records of one partition, in offset order.
public struct RecordBatch: Equatable, Sendable {
  public var source: TopicPartition
  public var records: [Record]

  public init(source: TopicPartition, records: [Record]) {
    self.source = source
    self.records = records
  }

  /// Identifies the batch's last record, so that the next reader of this partition can check that the log is the same.
  public var mark: RecordMark? { records.last.map { RecordMark($0) } }

  /// The size of keys, values and headers in bytes, without in-memory overhead.
  public var bytes: Int { records.reduce(0) { $0 + $1.bytes } }
}
