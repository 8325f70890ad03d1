import ObjectStorage
import SnapshotReplication
import StreamingRecommender
import Telemetry

/// The models that a rollback can return to: in the data directory, and in `retrain.epoch_store` if there is one.
struct KeptModels: Sendable {
  let directory: EpochDirectory
  private let copies: ReplicatedEpochs?

  var storage: any EpochStorage { copies ?? directory }

  /// Returns `nil` if none are kept. Reads the store if there is one, for which the start waits.
  init?(_ configuration: RecommenderConfiguration, log: Telemetry.Log) throws {
    guard configuration.retrain.keepEpochs > 0 else { return nil }
    directory = EpochDirectory(
      path: configuration.instance.dataDirectory + "/epochs", keep: configuration.retrain.keepEpochs,
      synchronizes: configuration.snapshot.fsync)
    guard !configuration.retrain.epochStore.isEmpty else {
      copies = nil
      return
    }
    let store = try ObjectStores.open("retrain.epoch_store", configuration.retrain.epochStore, configuration)
    copies = ReplicatedEpochs(directory, store: store, log: log)
    copies?.restore()
  }

  /// Returns why the change was not possible, or `nil`.
  func change(_ body: (EpochDirectory) throws -> Void) -> String? {
    do { try body(directory) } catch { return "\(error)" }
    copies?.follow()
    return nil
  }

  /// Waits for copies that have begun. Returns whether they have ended in time.
  func wait(_ timeout: Duration) -> Bool { copies?.wait(timeout) ?? true }
}
