import RedisPublishing

extension RedisKeys {
  /// Rule id -> rule.
  var ruleDocuments: String { root + "rules" }
  var ruleDocumentsVersion: String { root + "rules:version" }
  /// Name -> experiment.
  var experiments: String { root + "experiments" }
  var experimentsVersion: String { root + "experiments:version" }
}
