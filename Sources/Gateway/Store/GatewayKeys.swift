import RedisPublishing

extension RedisKeys {
  /// Item id -> document.
  var itemDocuments: String { root + "items" }
  var itemDocumentsVersion: String { root + "items:version" }
  /// The items that changed last, by version.
  var itemDocumentsChanged: String { root + "items:changed" }
  /// Rule id -> rule.
  var ruleDocuments: String { root + "rules" }
  var ruleDocumentsVersion: String { root + "rules:version" }
}
