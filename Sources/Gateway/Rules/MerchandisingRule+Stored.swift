import ItemMetadata
import RedisPublishing

extension MerchandisingRule: StoredDocument {
  static var noun: String { "rule" }
  static func place(_ keys: RedisKeys) -> StoredPlace { StoredPlace(hash: keys.ruleDocuments, version: keys.ruleDocumentsVersion) }
  static func check(_ all: [MerchandisingRule], now: Int64) throws(DocumentFault) { _ = try RuleSet(all, now: now) }
}
