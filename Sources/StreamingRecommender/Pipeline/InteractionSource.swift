/// The log of records: real Kafka, the embedded broker, or an array in a test. One owner calls it, from one thread at a time.
public protocol InteractionSource: AnyObject {
  /// Reading starts at these offsets when a partition is assigned, never at the group's committed ones. A partition that is
  /// not named starts at the earliest record. Called once, before the first `poll`.
  func start(at offsets: PartitionOffsets)

  /// Records in offset order per partition, at most `max`; waits at most `timeout` for the first one and not at all for more.
  func poll(max: Int, timeout: Duration) -> SourceBatch

  /// Tells the broker how far a durable snapshot reaches, for lag tools. Never waits; a failure is only logged and counted.
  func commit(_ offsets: PartitionOffsets)

  /// Stops (and later resumes) delivery of one partition; what was fetched and not yet returned by `poll` is read again.
  func setPaused(_ paused: Bool, _ partition: TopicPartition)

  var status: SourceStatus { get }

  /// Leaves the group. No call follows.
  func close()
}

public struct SourceBatch: Sendable {
  public var records: [Record]
  public var events: [SourceEvent]
  public init(records: [Record] = [], events: [SourceEvent] = []) {
    self.records = records
    self.events = events
  }
}

public enum SourceEvent: Equatable, Sendable {
  case assigned([TopicPartition])
  case revoked([TopicPartition])
  /// The log no longer holds `expected`; delivery goes on at `resumed` (on_gap = earliest), or the partition halts (`nil`).
  case gap(TopicPartition, expected: Int64, resumed: Int64?)
  /// Will not heal by itself (fenced by another instance, configuration refused): the process should say so and end.
  case fatal(String)
}

public struct SourceStatus: Sendable, Equatable {
  /// A broker answered lately.
  public var isUp = false
  /// Partitions this engine reads now.
  public var assigned: Set<TopicPartition> = []
  /// Partitions that exist; empty while unknown.
  public var all: Set<TopicPartition> = []
  /// Records in the log that `poll` has not returned yet, per assigned partition, where known.
  public var lagRecords: [TopicPartition: Int64] = [:]
  /// Partitions that stopped on a gap or an error and wait for an operator.
  public var halted: [TopicPartition: String] = [:]
  /// One sentence with the fix, while something is wrong (broker away, topic missing).
  public var problem: String?
  public var brokerRoundTripSeconds: Double?
  public var errors: [String: Int] = [:]
  public var rebalances = 0
  /// Offsets jumped over without a stated reason (transaction markers, compaction).
  public var offsetGaps = 0
  public init() {}

  /// A halted partition counts: the others go on and are published.
  public var holdsEverything: Bool { !all.isEmpty && assigned == all }
}
