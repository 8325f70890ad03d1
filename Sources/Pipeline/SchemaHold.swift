import StreamingRecommender

/// The records that wait for a schema, per partition, in the order in which they were read.
///
/// Such a partition is paused, as one is whose dead letters cannot be written, so what waits is at most what one poll returned for it.
/// Nothing of it is applied or committed: after a restart it is read again.
struct SchemaHold: Sendable {
  /// The number of bytes at which all partitions are paused.
  static let totalBytes = 64 << 20

  private(set) var waiting: [TopicPartition: EngineUpdate.WaitingRecords] = [:]

  var isEmpty: Bool { waiting.isEmpty }
  var partitions: Set<TopicPartition> { Set(waiting.keys) }
  var isFull: Bool { waiting.count > 1 && waiting.values.reduce(0) { $0 + $1.batch.bytes } > Self.totalBytes }

  /// What waits, before what was read after it; nothing waits afterwards.
  mutating func takeAll(before batches: [RecordBatch]) -> [RecordBatch] {
    guard !waiting.isEmpty else { return batches }
    var parts = batches
    for (source, held) in waiting.sorted(by: { $0.key < $1.key }) {
      if let index = parts.firstIndex(where: { $0.source == source }) {
        parts[index].records = held.batch.records + parts[index].records
      } else {
        parts.append(held.batch)
      }
    }
    waiting = [:]
    return parts
  }

  mutating func hold(_ records: [EngineUpdate.WaitingRecords]) {
    for held in records { waiting[held.batch.source] = held }
  }

  /// For each partition the schema that it waits for.
  func status(_ problem: (SchemaName) -> String?) -> [TopicPartition: SchemaWait] {
    waiting.mapValues { held in
      SchemaWait(schema: held.schema, offset: held.batch.records.first?.offset ?? 0, problem: problem(held.schema))
    }
  }
}

/// What a partition waits for.
public struct SchemaWait: Sendable, Equatable {
  public var schema: SchemaName
  /// Of the first record that waits.
  public var offset: Int64
  /// Why the schema is not there; `nil` while the registry has not been given up on once.
  public var problem: String?
}
