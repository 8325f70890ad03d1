/// Defines which librdkafka properties `kafka.common`, `kafka.consumer` and `kafka.producer` may not set.
public enum PassedProperties {
  /// Returns why a property is refused, or `nil` if it may be set.
  ///
  /// A property is refused because delivery guarantees depend on it, because it has a key of its own, or because it makes
  /// librdkafka load code or run a command: a configuration file may come from the working directory.
  public static func refusal(of property: String) -> String? { reasons[property] }

  /// All refused properties.
  public static var refused: [String] { reasons.keys.sorted() }

  private static let commits = "offsets are committed only after the snapshot that covers them is on disk"
  private static let bootstrap = "set kafka.bootstrap_servers"
  private static let code = "a configuration must not make this process load code"

  private static let reasons: [String: String] = [
    "enable.auto.commit": commits,
    "auto.commit.enable": commits,
    "enable.auto.offset.store": commits,
    "auto.offset.reset": "a reset would skip or repeat records silently; kafka.on_gap decides what happens at a gap",
    "enable.idempotence": "without it a retry of the producer duplicates or reorders records",
    "partitioner": "every producer must place a user as Java's does (murmur2_random), or one user is in two partitions",
    "bootstrap.servers": bootstrap,
    "metadata.broker.list": bootstrap,
    "group.id": "set kafka.group_id",
    "group.instance.id": "set kafka.group_instance_id",
    "enable.partition.eof": "the lag depends on it",
    "plugin.library.paths": code,
    "ssl.engine.location": code,
    "ssl.engine.id": code,
    "ssl.providers": code,
    "sasl.kerberos.kinit.cmd": "a configuration must not make this process run a command",
    "offset.store.path": "offsets are not kept in files",
    "offset.store.method": "offsets are not kept in files",
  ]
}
