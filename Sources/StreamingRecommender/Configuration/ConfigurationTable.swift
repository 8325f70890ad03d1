/// The table of all configuration keys, from which parsing, checking, display and documentation are derived.
public enum ConfigurationTable {
  public struct Group: Sendable {
    /// The first component of its keys.
    public let name: String
    public let sentence: String
    public let keys: [ConfigurationKey]
  }

  public static let groups: [Group] = [
    Group(name: "instance", sentence: "Who this process is and where it keeps its state.", keys: instance),
    Group(name: "input", sentence: "Which events are read and how strong they are.", keys: input),
    Group(name: "schema_registry", sentence: "Where the schemas of Avro and Protobuf records are read.", keys: schemaRegistry),
    Group(name: "kafka", sentence: "The brokers, the consumer group and what is passed to librdkafka.", keys: kafka),
    Group(name: "items", sentence: "What is known of items besides events.", keys: items),
    Group(name: "model", sentence: "What is computed; each of these changes results.", keys: model),
    Group(name: "foldin", sentence: "How live events are folded into the model.", keys: foldIn),
    Group(name: "retrain", sentence: "When the whole model is trained again, and when the result is used.", keys: retrain),
    Group(
      name: "shadow", sentence: "A second model that is compared with the one in use and serves nobody. See [model.md](model.md#shadow).",
      keys: shadow),
    Group(name: "topn", sentence: "The lists that are published.", keys: topN),
    Group(name: "publish", sentence: "How lists are written to Redis.", keys: publish),
    Group(name: "redis", sentence: "Which Redis lists are written to.", keys: redis),
    Group(name: "snapshot", sentence: "State on disk, with which a restart continues.", keys: snapshot),
    Group(name: "archive", sentence: "Every applied interaction as Parquet, for other programs.", keys: archive),
    Group(name: "runs", sentence: "A record of every job: what it was, what it took, what came of it. See [runs.md](runs.md).", keys: runs),
    Group(name: "mlflow", sentence: "Where ended runs are shown as well. See [runs.md](runs.md#mlflow).", keys: mlflow),
    Group(name: "store", sentence: "How S3 servers are reached; a store in a directory needs nothing of it.", keys: store),
    Group(name: "admin", sentence: "The HTTP server for operators.", keys: admin),
    Group(name: "gateway", sentence: "The HTTP server for applications: `freshet gateway`, or inside `serve`.", keys: gateway),
    Group(name: "probes", sentence: "A second, read-only HTTP server for health probes and metrics.", keys: probes),
    Group(name: "ready", sentence: "When the engine reports that it is ready.", keys: ready),
    Group(name: "shutdown", sentence: "The orderly shutdown.", keys: shutdown),
    Group(name: "log", sentence: "What is written to standard error.", keys: log),
    Group(name: "limits", sentence: "Limits on the resources of the process.", keys: limits),
  ]

  public static let keys: [ConfigurationKey] = groups.flatMap(\.keys)

  private static let keysByName = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })

  public static func key(named name: String) -> ConfigurationKey? { keysByName[name] }

  /// Keys that are reserved for a later version. Setting one is an error that says so, because it would have no effect and is not a
  /// misspelling.
  static let planned: Set<String> = [
    "kafka.dlq_header_style", "model.implicit", "model.max_users", "model.max_items", "model.cold_start",
    "retrain.external", "topn.pool", "topn.min_interval_per_user", "publish.format", "publish.fence", "redis.tls.ca_file",
    "redis.tls.cert_file", "redis.tls.key_file", "admin.unix_socket", "admin.tls.cert_file",
    "admin.tls.key_file", "metrics.buckets",
    "limits.max_inflight",
  ]

  /// Resolves the name of a map entry: `kafka.common.security.protocol` is the entry `security.protocol` of the key `kafka.common`.
  static func mapEntry(_ name: String) -> (key: ConfigurationKey, entry: String)? {
    for key in keys where name.hasPrefix(key.name + ".") {
      if case .map = key.kind { return (key, String(name.dropFirst(key.name.count + 1))) }
    }
    return nil
  }

  /// Returns the known key most similar to an unknown one.
  public static func suggestion(for name: String) -> String? {
    Suggestion.nearest(to: name, in: keys.map(\.name), separator: ".")
  }
}
