/// The log of records: Kafka, the embedded broker, or an array in a test. One owner calls it, from one thread at a time.
public protocol RecordSource: AnyObject {
  /// Sets where reading starts when a partition is assigned, whatever offsets the group has committed. A partition that is not
  /// named starts at the earliest record. Called once, before the first `poll`.
  ///
  /// A partition with the mark of the record before its offset halts if the log holds another record there, because the topic was
  /// deleted and created again. Without a mark, or if retention or compaction removed that record, this goes unnoticed.
  func start(at offsets: PartitionOffsets, marks: [TopicPartition: RecordMark])

  /// Returns records in offset order per partition: at most `max` records, and at most `maxBytes` bytes unless the first record
  /// alone is larger. Waits at most `timeout` for the first record and not at all for more.
  func poll(max: Int, maxBytes: Int, timeout: Duration) -> SourceBatch

  /// Tells the broker how far a durable snapshot reaches, for lag tools. Never waits; a failure is only logged and counted.
  func commit(_ offsets: PartitionOffsets)

  /// Stops (and later resumes) delivery of one partition; what was fetched and not yet returned by `poll` is read again.
  func setPaused(_ paused: Bool, _ partition: TopicPartition)

  var status: SourceStatus { get }

  /// Leaves the group, waiting at most `timeout`. No call follows. False: it is still being left, in the background, and the
  /// process may exit without waiting for that; the broker then removes the member when its session ends.
  @discardableResult func close(timeout: Duration) -> Bool
}

extension RecordSource {
  /// The byte bound of a poll that names none: 8 MiB.
  public static var defaultMaxBytes: Int { 8 << 20 }

  public func start(at offsets: PartitionOffsets) { start(at: offsets, marks: [:]) }

  /// Leaves the group, waiting at most 5 s.
  public func close() { close(timeout: .seconds(5)) }

  public func poll(max: Int, timeout: Duration) -> SourceBatch { poll(max: max, maxBytes: Self.defaultMaxBytes, timeout: timeout) }
}

/// What one poll returns. The events happened before the records were delivered.
public struct SourceBatch: Sendable {
  /// At most one batch per partition, none of them empty.
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
  /// The log no longer holds `expected`; delivery continues at `resumed` (on_gap = earliest), or the partition halts (`nil`).
  case gap(TopicPartition, expected: Int64, resumed: Int64?)
  /// Not recoverable without an operator (fenced by another instance, configuration refused): the process should report it and exit.
  case fatal(String)
}

public struct SourceStatus: Sendable, Equatable {
  /// A broker has answered recently.
  public var isUp = false
  /// Partitions that are assigned to this engine.
  public var assigned: Set<TopicPartition> = []
  /// Partitions that exist; empty while unknown.
  public var all: Set<TopicPartition> = []
  /// Records in the log that `poll` has not returned yet, per assigned partition, where known.
  public var lagRecords: [TopicPartition: Int64] = [:]
  /// Partitions that stopped on a gap or an error and need an operator, with the advice for them.
  public var halted: [TopicPartition: String] = [:]
  /// One sentence with the fix, while something is wrong (broker unreachable, topic missing).
  public var problem: String?
  public var brokerRoundTripSeconds: Double?
  public var errors: [String: Int] = [:]
  public var rebalances = 0
  /// Offsets skipped without a known reason (transaction markers, compaction).
  public var offsetGaps = 0
  public init() {}

  /// True while every partition is assigned here; halted partitions count as assigned.
  public var holdsEverything: Bool { !all.isEmpty && assigned == all }
}
