import StreamingRecommender

/// A partitioned log of records: Kafka, the embedded broker, or an array in tests. It has one owner and is called from one thread at a
/// time.
public protocol RecordSource: AnyObject {
  /// Sets the offset at which each partition starts when it is assigned, regardless of the group's committed offsets. A partition that is
  /// not in `offsets` starts at the earliest record. Called once, before the first `poll`.
  ///
  /// If `marks` has the record before a partition's offset and the log contains another record there, the partition halts, because the
  /// topic was deleted and recreated. Without a mark, or if retention or compaction removed that record, this is not detected.
  func start(at offsets: PartitionOffsets, marks: [TopicPartition: RecordMark])

  /// Returns records in offset order per partition: at most `max` records, and at most `maxBytes` bytes unless the first record
  /// alone is larger. Waits at most `timeout` for the first record and not at all for more.
  func poll(max: Int, maxBytes: Int, timeout: Duration) -> SourceBatch

  /// Commits the offsets that a durable snapshot covers, for tools that show consumer lag. Never blocks; a failure is logged and counted.
  func commit(_ offsets: PartitionOffsets)

  /// Pauses or resumes delivery of one partition. Records that were fetched but not returned by `poll` are read again.
  func setPaused(_ paused: Bool, _ partition: TopicPartition)

  var status: SourceStatus { get }

  /// Leaves the consumer group, waiting at most `timeout`; no other call may follow. Returns false if that continues in the background.
  /// The process may exit without waiting; the broker then removes the member when its session times out.
  @discardableResult func close(timeout: Duration) -> Bool
}

extension RecordSource {
  /// The byte limit of a poll that sets none: 8 MiB.
  public static var defaultMaxBytes: Int { 8 << 20 }

  public func start(at offsets: PartitionOffsets) { start(at: offsets, marks: [:]) }

  /// Leaves the consumer group, waiting at most 5 s.
  public func close() { close(timeout: .seconds(5)) }

  public func poll(max: Int, timeout: Duration) -> SourceBatch { poll(max: max, maxBytes: Self.defaultMaxBytes, timeout: timeout) }
}

/// The result of one poll. The events occurred before the records were delivered.
public struct SourceBatch: Sendable {
  /// At most one non-empty batch per partition.
  public var parts: [RecordBatch]
  public var events: [SourceEvent]
  public init(parts: [RecordBatch] = [], events: [SourceEvent] = []) {
    self.parts = parts
    self.events = events
  }

  /// The number of records in all parts.
  public var count: Int { parts.reduce(0) { $0 + $1.records.count } }
}

public enum SourceEvent: Equatable, Sendable {
  case assigned([TopicPartition])
  case revoked([TopicPartition])
  /// The log no longer has the offset `expected`. Delivery continues at `resumed` (`on_gap` = `earliest`), or the partition halts if that
  /// is `nil`.
  case gap(TopicPartition, expected: Int64, resumed: Int64?)
  /// Cannot be recovered without an operator (configuration refused); the process should report it and exit.
  case fatal(String)
  /// Another process has this one's place in the group, so this one must end.
  case displaced(String)
}

public struct SourceStatus: Sendable, Equatable {
  /// Whether a broker has answered recently.
  public var isUp = false
  /// The partitions assigned to this engine.
  public var assigned: Set<TopicPartition> = []
  /// All partitions of the topics; empty while unknown.
  public var all: Set<TopicPartition> = []
  /// The number of records in the log that `poll` has not returned yet, per assigned partition, if known.
  public var lagRecords: [TopicPartition: Int64] = [:]
  /// Partitions that stopped because of a gap or an error and need an operator, with advice.
  public var halted: [TopicPartition: String] = [:]
  /// Partitions whose end is held back by an open transaction; the records behind it do not count as lag.
  public var openTransactions: [TopicPartition: OpenTransaction] = [:]
  /// The current problem and how to fix it (broker unreachable, topic missing), in one sentence.
  public var problem: String?
  /// What the consumer group had committed when partitions were assigned first, as far as it is known. It decides nothing.
  public var committed: [TopicPartition: Int64] = [:]
  public var brokerRoundTripSeconds: Double?
  public var errors: [String: Int] = [:]
  public var rebalances = 0
  /// The number of offsets skipped for an unknown reason (transaction markers, compaction).
  public var offsetGaps = 0
  public init() {}

  /// Whether every partition is assigned to this engine; halted partitions count as assigned.
  public var holdsEverything: Bool { !all.isEmpty && assigned == all }
}

/// A transaction that no producer has ended yet.
public struct OpenTransaction: Sendable, Equatable {
  /// Its first record, up to which the partition can be read.
  public var offset: Int64
  public var end: Int64
  public init(offset: Int64, end: Int64) {
    self.offset = offset
    self.end = end
  }
}
