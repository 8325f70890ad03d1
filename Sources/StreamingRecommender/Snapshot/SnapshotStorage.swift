/// Where snapshots are kept: a directory, or memory in a simulation.
public protocol SnapshotStorage: Sendable {
  /// Writes durably; when this returns, a crash at any later moment finds the snapshot whole.
  func write(_ snapshot: Snapshot) throws -> SnapshotReceipt
  /// The newest snapshot that is whole, and what was wrong with newer ones; `nil` when there is none at all.
  func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError])
  /// The highest sequence number present, whole or not; 0 when there is none.
  func lastSequence() -> UInt64
}

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

/// An engine as a restart finds it.
public struct RecoveredEngine: Sendable {
  public var engine: RecommenderEngine
  public var nextSequence: UInt64
  /// Of the snapshot that was restored; `nil` when there was none to restore.
  public var snapshotSequence: UInt64?
  /// Dead letters that the broker had not acknowledged: they are to be sent again.
  public var deadLetters: [DeadLetter]
  /// Snapshots that could not be used.
  public var refused: [SnapshotError]
  /// A model of another size was dropped.
  public var droppedModelFactors: Int?

  /// Restores the newest whole snapshot, or starts empty at the beginning of the log.
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
