/// The one table of every key of the configuration: parsing, checking, showing and documenting all read it.
public enum ConfigurationTable {
  public struct Group: Sendable {
    /// The first component of its keys.
    public let name: String
    public let sentence: String
    public let keys: [ConfigurationKey]
  }

  public static let groups: [Group] = [
    Group(name: "instance", sentence: "Who this process is and where it keeps its state.", keys: instance),
    Group(name: "input", sentence: "Which events are read and what they are worth.", keys: input),
    Group(name: "kafka", sentence: "The broker, the consumer group and what passes through to librdkafka.", keys: kafka),
    Group(name: "model", sentence: "What is computed. Changing one of these changes results.", keys: model),
    Group(name: "foldin", sentence: "How live events are folded into the model.", keys: foldIn),
    Group(name: "retrain", sentence: "When the whole model is trained again, and when the result is taken.", keys: retrain),
    Group(name: "topn", sentence: "The lists.", keys: topN),
    Group(name: "publish", sentence: "How lists are written out.", keys: publish),
    Group(name: "redis", sentence: "Where lists are written to.", keys: redis),
    Group(name: "snapshot", sentence: "State on disk, from which a restart continues.", keys: snapshot),
    Group(name: "admin", sentence: "The HTTP server for operators.", keys: admin),
    Group(name: "ready", sentence: "When the process calls itself ready.", keys: ready),
    Group(name: "shutdown", sentence: "The orderly end.", keys: shutdown),
    Group(name: "log", sentence: "What is written to standard error.", keys: log),
    Group(name: "metrics", sentence: "The metrics at `/metrics`.", keys: metrics),
    Group(name: "mlflow", sentence: "Reports of retrains to MLflow.", keys: mlflow),
    Group(name: "s3", sentence: "An object store for snapshots.", keys: s3),
    Group(name: "limits", sentence: "Bounds on what the process may take.", keys: limits),
  ]

  public static let keys: [ConfigurationKey] = groups.flatMap(\.keys)

  private static let keysByName = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })

  public static func key(named name: String) -> ConfigurationKey? { keysByName[name] }

  /// The map that `name` is an entry of, and the entry: `kafka.common.security.protocol` is `security.protocol` of `kafka.common`.
  static func mapEntry(_ name: String) -> (key: ConfigurationKey, entry: String)? {
    for key in keys where name.hasPrefix(key.name + ".") {
      if case .map = key.kind { return (key, String(name.dropFirst(key.name.count + 1))) }
    }
    return nil
  }

  /// The known key nearest to one that is unknown.
  public static func suggestion(for name: String) -> String? {
    Suggestion.nearest(to: name, in: keys.map(\.name), separator: ".")
  }
}
