import StreamingRecommender
import Synchronization

/// The published status of the ingest loop, updated several times per second from counters.
public struct EngineStatus: Sendable {
  public var epoch: UInt32?
  public var visibleEpoch: UInt32?
  public var modelTrainedAtMilliseconds: Int64?
  public var users = 0
  public var items = 0
  public var interactions = 0
  public var eventsApplied: UInt64 = 0
  public var size = StateSize()
  public var lagRecords: Int64?
  public var lagSeconds: Double?
  /// The partition that is furthest behind by time; `nil` if nothing waits.
  public var worstLag: WorstLag?
  public var freshnessP50Milliseconds: Double?
  public var freshnessP99Milliseconds: Double?
  public var source = SourceStatus()
  public var publisher = PublisherStatus()
  public var isActive = false
  public var waitingUsers = 0
  public var rollout: String?
  public var isHolding = false
  public var lastSnapshotMilliseconds: Int64?
  public var lastSnapshotProblem: String?
  /// Partitions that wait because too many of their dead letters are not acknowledged.
  public var deadLetterHolds: [TopicPartition: DeadLetterLoad] = [:]
  /// Partitions of which a record waits for its schema.
  public var schemaWaits: [TopicPartition: SchemaWait] = [:]
  /// Partitions whose users' lists wait for the replay after a restart.
  public var replayHolds: [TopicPartition: ReplayProgress] = [:]
  public var isMemoryPaused = false
  /// Number of documents of items; `nil` if no topic of items is read.
  public var itemDocuments: Int?
  /// Items that lists leave out because they are hidden, gone or out of date.
  public var hiddenItems = 0
  public var itemProblem: String?
  public var hasReadItems = true
  public var records = RecordSummary()
  /// What an operator should know, computed from the other values.
  public var conditions: [Condition] = []
  public var eventsSinceFreeze = 0
  public var retrainPhase: String?
  public var retrainRatio = 0.0
  public var lastRetrain: RetrainRecord?
  /// What the next retrain waits for.
  public var nextRetrain: RetrainPolicy.Condition?
  /// The epoch to which the model was rolled back; retrains do not start by themselves then.
  public var rolledBackTo: UInt32?
  /// Settings that were promoted over those of the configuration, by key.
  public var promoted: [String: String]?
  public var shadow: ShadowStatus?
  /// The share of lists that a retrain would have changed at the last measurement; `nil` if none was made of this model.
  public var drift: Double?
  public var quality = LiveQualityReport()
  public var attribution = AttributionReport()
  public var tickedNanoseconds: UInt64 = 0
  /// Users that a tombstone removed and whose lists may still be somewhere.
  public var forgottenUsers = 0
  public var fatal: String?
  /// Whether `fatal` is that another engine does this one's work, so that starting again at once would be in vain.
  public var isDisplaced = false
  public var start = StartPositions()
  /// The next offset to apply, per partition.
  public var offsets = PartitionOffsets()
  /// The newest snapshot on disk; `nil` if there is none.
  public var durable: DurableSnapshot?
  /// `nil` without an archive.
  public var archive: ArchiveStatus?
  public init() {}
}

/// The second model and how it compares.
public struct ShadowStatus: Sendable, Equatable {
  public var name: String
  public var isTrained: Bool
  public var hits: PairedHits
}

/// The dead letters of a partition that the broker has not acknowledged.
public struct DeadLetterLoad: Sendable, Equatable {
  public var count = 0
  public var bytes = 0
}

/// What a snapshot on disk holds.
public struct DurableSnapshot: Sendable, Equatable {
  public var sequence: UInt64
  /// The highest epoch that it knows.
  public var epoch: UInt32
  /// The next offset that it has not applied, per partition.
  public var offsets: PartitionOffsets
}

/// How far a partition is on its way to the end that it had at the start.
public struct ReplayProgress: Sendable, Equatable {
  public var next: Int64
  public var end: Int64
}

public final class StatusBoard: Sendable {
  private let status = Mutex(EngineStatus())
  public init() {}
  public var current: EngineStatus { status.withLock { $0 } }
  package func set(_ new: EngineStatus) { status.withLock { $0 = new } }
}
