import StreamingRecommender
import Synchronization

/// Keeps models in memory.
public final class InMemoryEpochStorage: EpochStorage {
  private let models = Mutex<[UInt32: StoredModel]>([:])
  private let keep: Int

  public init(keep: Int = 5) { self.keep = keep }

  public func write(_ model: StoredModel) throws {
    models.withLock { models in
      models[model.epoch] = model
      for old in models.keys.sorted().dropLast(keep) { models[old] = nil }
    }
  }

  public func read(_ epoch: UInt32) throws -> StoredModel {
    guard let model = models.withLock({ $0[epoch] }) else { throw SnapshotError(.input("no such epoch"), path: "memory") }
    return model
  }

  public func epochs() -> [UInt32] { models.withLock { $0.keys.sorted() } }
}
