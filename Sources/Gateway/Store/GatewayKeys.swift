import RedisPublishing

extension RedisKeys {
  /// Rule id -> rule.
  var ruleDocuments: String { root + "rules" }
  var ruleDocumentsVersion: String { root + "rules:version" }
}
