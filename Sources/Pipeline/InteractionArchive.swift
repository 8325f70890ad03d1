import StreamingRecommender

/// A part of the archive: rows of one partition in the order of their offsets.
public struct ArchiveSegment: Sendable, Equatable {
  public var source: TopicPartition
  public var rows: [ArchivedInteraction]
  /// The record of the last row.
  public var last: RecordMark
  /// The day on which the first record was produced, in days since 1970-01-01 UTC.
  public var day: Int

  public init(source: TopicPartition, rows: [ArchivedInteraction], last: RecordMark, day: Int) {
    self.source = source
    self.rows = rows
    self.last = last
    self.day = day
  }
}

/// How the archive gets on.
public struct ArchiveStatus: Sendable, Equatable {
  /// Rows that are durable in the store, of this process.
  public var rows = 0
  public var bytes = 0
  public var files = 0
  /// Rows on their way to the store.
  public var waitingRows = 0
  /// Attempts that failed.
  public var failures = 0
  /// Why the last attempt failed; `nil` after one that did not.
  public var problem: String?
  /// No more may be submitted for now.
  public var isFull = false
  public init() {}
}

/// Keeps applied interactions for good. The port of the loop; every implementation passes the same tests.
///
/// Segments of a partition become durable in the order in which they were submitted and each as a whole, so that what is in the archive
/// ends at one offset.
public protocol InteractionArchive: Sendable {
  /// How far the archive goes in each partition.
  func positions() throws -> [TopicPartition: ArchivedPosition]
  /// Takes a segment, without waiting for it.
  func submit(_ segment: ArchiveSegment)
  /// Waits until everything that was submitted before is durable; throws why it is not when nothing more has become durable for so long.
  func flush(timeout: Duration) throws
  var status: ArchiveStatus { get }
}

/// Why a snapshot waits for the archive.
public struct ArchiveError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Snapshots that are only written when the archive has everything that they cover.
///
/// A restart reads the log from the snapshot's offsets on, so what is missing in the archive before them would be missing for ever.
public struct ArchivedSnapshots: SnapshotStorage {
  private let storage: any SnapshotStorage
  private let archive: any InteractionArchive
  private let patience: Duration

  public init(_ storage: any SnapshotStorage, archive: any InteractionArchive, patience: Duration = .seconds(20)) {
    self.storage = storage
    self.archive = archive
    self.patience = patience
  }

  public func write(_ snapshot: Snapshot) throws -> SnapshotReceipt {
    try archive.flush(timeout: patience)
    return try storage.write(snapshot)
  }

  public func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError]) {
    try storage.newest(for: configuration)
  }

  public func lastSequence() -> UInt64 { storage.lastSequence() }
}
