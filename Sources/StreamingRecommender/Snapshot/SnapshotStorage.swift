/// Where snapshots are kept: a directory, or memory in a simulation.
public protocol SnapshotStorage: Sendable {
  /// Writes durably; when this returns, a crash at any later moment finds the snapshot whole.
  func write(_ snapshot: Snapshot) throws -> SnapshotReceipt
  /// The newest snapshot that is whole, and what was wrong with newer ones; `nil` when there is none at all.
  func newest(for configuration: RecommenderConfiguration) throws -> (snapshot: Snapshot?, refused: [SnapshotError])
}

public struct SnapshotReceipt: Sendable, Equatable {
  public var sequence: UInt64
  public var bytes: Int
  public var seconds: Double
}
