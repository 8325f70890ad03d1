/// Stores snapshots: a directory, or memory in a simulation.
public protocol SnapshotStorage: Sendable {
  /// Writes a snapshot durably: after this returns, the snapshot survives a crash.
  func write(_ snapshot: Snapshot) throws -> SnapshotReceipt
  /// Returns the newest intact snapshot, or `nil`, and the errors of newer ones that were skipped.
  func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError])
  /// The highest existing sequence number, damaged snapshots included; 0 if there is none.
  func lastSequence() -> UInt64
}

/// The result of writing a snapshot: its size in bytes and the duration in seconds.
public struct SnapshotReceipt: Sendable, Equatable {
  public var sequence: UInt64
  public var bytes: Int
  public var seconds: Double
  public init(sequence: UInt64, bytes: Int, seconds: Double) {
    self.sequence = sequence
    self.bytes = bytes
    self.seconds = seconds
  }
}

/// An engine restored from the newest intact snapshot.
public struct RecoveredEngine: Sendable {
  public var engine: RecommenderEngine
  public var nextSequence: UInt64
  /// Sequence number of the restored snapshot; `nil` if none was restored.
  public var snapshotSequence: UInt64?
  /// Dead letters that the broker had not acknowledged and that must be sent again.
  public var deadLetters: [DeadLetter]
  /// Errors of snapshots that could not be used.
  public var refused: [SnapshotError]
  /// Number of factors of a model that was dropped because the configuration has another number.
  public var droppedModelFactors: Int?

  /// Restores the newest intact snapshot, or creates an empty engine that starts at the beginning of the log.
  public init(from storage: some SnapshotStorage, configuration: RecommenderConfiguration) throws {
    let found = try storage.newest(for: configuration)
    refused = found.refused
    nextSequence = storage.lastSequence() + 1
    snapshotSequence = found.snapshot?.sequence
    deadLetters = found.snapshot?.deadLetters ?? []
    if let snapshot = found.snapshot {
      engine = RecommenderEngine(restoring: snapshot, configuration: configuration)
      if let model = snapshot.model, engine.model == nil { droppedModelFactors = model.factors }
    } else {
      engine = RecommenderEngine(configuration)
    }
  }
}
