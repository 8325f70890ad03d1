import ItemMetadata
import RedisPublishing

extension Experiment: StoredDocument {
  static var noun: String { "experiment" }
  static func place(_ keys: RedisKeys) -> StoredPlace { StoredPlace(hash: keys.experiments, version: keys.experimentsVersion) }
  var id: String { name }
  static func check(_ all: [Experiment], now: Int64) throws(DocumentFault) { _ = try ExperimentSet(all, now: now) }
}
