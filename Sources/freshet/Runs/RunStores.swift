import Foundation
import ObjectStorage
import RunRecords
import StreamingRecommender
import Telemetry

extension RunStore {
  /// The store that `runs.store` names; `nil` if it is `none`.
  static func open(_ configuration: RecommenderConfiguration) throws(CommandFailure) -> RunStore? {
    let address = configuration.runs.store.isEmpty ? configuration.instance.dataDirectory + "/run-records" : configuration.runs.store
    guard address != "none" else { return nil }
    let stores = ObjectStores(configuration.store)
    do throws(ObjectStoreError) {
      let place = try stores.address(configuration.runs.store.isEmpty ? absolute(address) : address)
      let store = stores.open(place)
      // A bucket must have been made by somebody who may; a directory costs nothing.
      if case .directory = place { _ = try store.create() }
      return RunStore(store, isAlive: isAlive)
    } catch { throw CommandFailure("runs.store = \(Redaction.text(address)): \(error)", status: .configuration) }
  }

  private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

  /// A process of another machine or container cannot be seen from here.
  private static func isAlive(_ record: RunRecord) -> Bool {
    guard let scope = record.processScope, scope == RunRecord.processScopeHere, let process = pid_t(exactly: record.process), process > 0
    else { return true }
    return kill(process, 0) == 0 || errno == EPERM
  }
}

extension CommandContext {
  /// The store for a command that reads or removes records.
  func runStore() throws -> RunStore {
    guard let store = try RunStore.open(try loaded().configuration) else {
      throw CommandFailure("runs.store is none, so there are no records: name a directory or s3://BUCKET/PREFIX", status: .configuration)
    }
    return store
  }
}
