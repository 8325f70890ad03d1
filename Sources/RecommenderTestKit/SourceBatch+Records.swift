import Pipeline
import StreamingRecommender

extension [RecordBatch] {
  /// The records of all parts in order.
  public var records: [Record] { flatMap(\.records) }

  public func records(of partition: Int32) -> [Record] { filter { $0.source.partition == partition }.records }
}

extension SourceBatch {
  public var records: [Record] { parts.records }
}
