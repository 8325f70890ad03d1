/// Consecutive records of one partition, in offset order.
public struct RecordBatch: Equatable, Sendable {
  public var source: TopicPartition
  public var records: [Record]

  public init(source: TopicPartition, records: [Record]) {
    self.source = source
    self.records = records
  }

  /// What the next reader of this partition can check: the last record.
  public var mark: RecordMark? { records.last.map { RecordMark($0) } }

  /// Keys, values and headers, without what arrays and this structure need besides.
  public var bytes: Int { records.reduce(0) { $0 + $1.bytes } }
}
