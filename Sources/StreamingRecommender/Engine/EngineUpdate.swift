/// The result of applying a batch of records.
public struct EngineUpdate: Sendable {
  /// Changed users without duplicates, in the order of their first event in the batch.
  public var changedUsers: [UserReference] = []
  /// One entry per applied event: the user and the timestamp of the record.
  public var applied: [AppliedEvent] = []
  /// Ids of users removed by a tombstone.
  public var forgotten: [Identifier] = []
  /// The number of places that were looked at to remove them; it is bounded by their histories.
  public var placesOfForgotten = 0
  public var deadLetters: [DeadLetter] = []
  /// What was not applied, per partition: the records from the first one on whose schema is not there yet.
  public var waiting: [WaitingRecords] = []
  /// Counts by topic, for the metrics.
  public var topics: [String: TopicCounts] = [:]
  public var clampedValues = 0
  public var clampedTimestamps = 0
  /// Events whose time could not be read and which have the time of their record.
  public var unreadableTimestamps = 0
  /// Tombstones that named no user of the state.
  public var unknownTombstones: [UnknownTombstone] = []
  public var keyMismatches = 0
  /// The first record of each kind that was ignored, and the first whose key is not the user of its event.
  public var examples: [RecordExample] = []
  public var unknownItems = 0
  /// What the archive takes; empty unless the engine archives.
  public var archived: [ArchivedBatch] = []
  /// Partitions whose log is not the one that was archived.
  public var foreignLogs: [TopicPartition] = []
  public init() {}

  public struct AppliedEvent: Sendable, Equatable {
    public var user: UserReference
    public var producedAtMilliseconds: Int64?
  }

  /// Records of one partition that wait for the schema of the first of them.
  public struct WaitingRecords: Sendable, Equatable {
    public var schema: SchemaName
    public var batch: RecordBatch
  }

  /// A record that an operator may want to look at.
  public struct RecordExample: Sendable, Equatable {
    public enum Kind: Sendable, Equatable { case ignored(IgnoreReason), keyMismatch }
    public var kind: Kind
    public var source: TopicPartition
    public var record: Record
  }

  mutating func addExample(_ kind: RecordExample.Kind, _ source: TopicPartition, _ record: Record) {
    guard !examples.contains(where: { $0.kind == kind }) else { return }
    examples.append(RecordExample(kind: kind, source: source, record: record))
  }

  public struct UnknownTombstone: Sendable, Equatable {
    public var source: TopicPartition
    public var offset: Int64
    public var form: KeyForm
  }

  /// Record and event counts of one topic.
  public struct TopicCounts: Sendable, Equatable {
    public var consumed = 0
    public var applied = 0
    public var rejected: [RejectionReason: Int] = [:]
    public var ignored: [IgnoreReason: Int] = [:]
  }

  mutating func note(_ clamped: ClampedFields, keyMismatch: Bool) {
    if keyMismatch { keyMismatches += 1 }
    if clamped.isEmpty { return }
    if clamped.contains(.value) { clampedValues += 1 }
    if clamped.contains(.timestamp) { clampedTimestamps += 1 }
    if clamped.contains(.unreadableTimestamp) { unreadableTimestamps += 1 }
  }

  private func total(_ count: (TopicCounts) -> Int) -> Int { topics.values.reduce(0) { $0 + count($1) } }

  public var consumed: Int { total(\.consumed) }
  public var rejected: [RejectionReason: Int] {
    topics.values.reduce(into: [:]) { sum, counts in sum.merge(counts.rejected, uniquingKeysWith: +) }
  }
  public var ignored: [IgnoreReason: Int] {
    topics.values.reduce(into: [:]) { sum, counts in sum.merge(counts.ignored, uniquingKeysWith: +) }
  }
}
