/// Keeps the models of the newest epochs.
public protocol EpochStorage: Sendable {
  /// Writes a model durably, over one of the same number, and removes those that were written first beyond the number that is kept.
  func write(_ model: StoredModel) throws
  func read(_ epoch: UInt32) throws -> StoredModel
  /// The epochs that can be read, ascending.
  func epochs() -> [UInt32]
}
