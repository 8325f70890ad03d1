import StreamingRecommender

/// The librdkafka properties of one client: our settings, then what the configuration passes through.
///
/// Pure: nothing is connected or even created here, so that `freshet config check` can refuse a file without a broker.
public struct KafkaProperties: Equatable, Sendable {
  public var values: [String: String]
  /// Settings that work but bite; each is one sentence for the log.
  public var warnings: [String] = []

  /// How a producer waits for more records before it sends.
  public enum Pace: Sendable, CaseIterable {
    /// As much as possible.
    case bulk
    /// At a given rate, freshness counts; a real broker.
    case paced
    /// The same on the embedded broker, whose fetches scan every batch: 1 ms there costs seconds.
    case embedded

    var lingerMilliseconds: Int {
      switch self {
      case .bulk: 20
      case .paced: 1
      case .embedded: 10
      }
    }
  }

  /// The consumer of the input topics. `instance` names this process and is the static member's default name.
  public static func consumer(
    _ kafka: RecommenderConfiguration.Kafka, instance: String, membership: KafkaMembership,
    libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = shared(kafka)
    values["group.id"] = kafka.groupID
    values["enable.auto.commit"] = "false"
    values["enable.auto.offset.store"] = "false"
    // The default skips to the end without a word when the log no longer holds what we ask for.
    values["auto.offset.reset"] = "error"
    // Per partition queue: the default of 64 MiB times 256 partitions is 16 GiB.
    values["queued.max.messages.kbytes"] = "2048"
    values["queued.min.messages"] = "20000"
    // The embedded broker sleeps this long on every empty fetch even when data arrives.
    values["fetch.wait.max.ms"] = membership == .direct ? "2" : "10"
    // After a failed fetch: the default of half a second is most of a second of freshness.
    values["fetch.error.backoff.ms"] = "100"
    values["fetch.message.max.bytes"] = "1048576"
    values["check.crcs"] = "true"
    values["partition.assignment.strategy"] = "range"
    // Tells where a quiet partition ends, so that lag is 0 after transaction markers and in emptied partitions.
    values["enable.partition.eof"] = "true"
    values["topic.metadata.refresh.interval.ms"] = "10000"
    let member = kafka.groupInstanceID.isEmpty ? instance : kafka.groupInstanceID
    if membership == .group, member != "none", !member.isEmpty {
      values["group.instance.id"] = member
      values["session.timeout.ms"] = "90000"
    }
    return try merge(values, kafka, own: kafka.consumer, group: "consumer", libraryVersion: libraryVersion)
  }

  /// The producer of events: `freshet produce`, tests and benchmarks.
  public static func events(
    _ kafka: RecommenderConfiguration.Kafka, pace: Pace, libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = producing(kafka)
    values["linger.ms"] = String(pace.lingerMilliseconds)
    return try merge(values, kafka, own: kafka.producer, group: "producer", libraryVersion: libraryVersion)
  }

  /// The producer of dead letters.
  public static func deadLetters(
    _ kafka: RecommenderConfiguration.Kafka, libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = producing(kafka)
    values["linger.ms"] = "5"
    // A record near the broker's limit grows by our headers.
    values["message.max.bytes"] = "4194304"
    // A letter never expires: the snapshot that covers its offset waits for it.
    values["message.timeout.ms"] = "0"
    return try merge(values, kafka, own: kafka.producer, group: "producer", libraryVersion: libraryVersion)
  }

  /// The client that creates and describes topics.
  public static func administration(
    _ kafka: RecommenderConfiguration.Kafka, libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    try merge(shared(kafka), kafka, own: [:], group: "common", libraryVersion: libraryVersion)
  }
}

extension KafkaProperties {
  private static func shared(_ kafka: RecommenderConfiguration.Kafka) -> [String: String] {
    [
      "bootstrap.servers": kafka.bootstrapServers,
      "client.id": "freshet",
      "socket.keepalive.enable": "true",
      "socket.nagle.disable": "true",
      // Come back soon after a broker does: the default backs off to 10 s.
      "reconnect.backoff.max.ms": "2000",
      "log_level": "6",
    ]
  }

  private static func producing(_ kafka: RecommenderConfiguration.Kafka) -> [String: String] {
    var values = shared(kafka)
    values["enable.idempotence"] = "true"
    values["acks"] = "-1"
    values["compression.codec"] = "zstd"
    // Java's default. librdkafka's own is CRC32: two fleets would put one user into two partitions.
    values["partitioner"] = "murmur2_random"
    return values
  }

  private static func merge(
    _ ours: [String: String], _ kafka: RecommenderConfiguration.Kafka, own: [String: String], group: String,
    libraryVersion: LibraryVersion
  ) throws(KafkaError) -> KafkaProperties {
    var values = ours
    for (name, properties) in [("common", kafka.common), (group, own)] {
      for (property, value) in properties.sorted(by: { $0.key < $1.key }) {
        if let reason = refusal(of: property) { throw .configuration("kafka.\(name).\(property) cannot be set: \(reason)") }
        values[canonical(property)] = value
      }
    }
    let strategy = values["partition.assignment.strategy"] ?? ""
    if strategy.contains("cooperative"), strategy.contains(",") {
      throw .configuration(
        "kafka.\(group).partition.assignment.strategy mixes eager and cooperative assignors: name one, the same in all instances")
    }
    return KafkaProperties(values: values, warnings: warnings(values, libraryVersion))
  }

  /// Older names of the same property: without this, two values of one setting would both be handed over, in no order.
  private static func canonical(_ property: String) -> String {
    switch property {
    case "sasl.mechanism": "sasl.mechanisms"
    case "compression.type": "compression.codec"
    case "queue.buffering.max.ms": "linger.ms"
    case "request.required.acks": "acks"
    case "delivery.timeout.ms": "message.timeout.ms"
    case "max.partition.fetch.bytes": "fetch.message.max.bytes"
    default: property
    }
  }

  private static func refusal(of property: String) -> String? {
    switch property {
    case "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store":
      "offsets are committed only after a durable snapshot that covers them"
    case "auto.offset.reset": "a gap in the log must be seen, not skipped; choose what happens then with kafka.on_gap"
    case "enable.idempotence": "without it a retried send can write an event twice or out of order"
    case "partitioner": "every producer must place a user as Java does (murmur2_random), or one user lives in two partitions"
    case "bootstrap.servers", "metadata.broker.list": "it is kafka.bootstrap_servers"
    case "group.id": "it is kafka.group_id"
    case "group.instance.id": "it is kafka.group_instance_id"
    case "enable.partition.eof": "the lag figures rest on it"
    default: nil
    }
  }

  private static func warnings(_ values: [String: String], _ version: LibraryVersion) -> [String] {
    var warnings: [String] = []
    if values["sasl.mechanisms"]?.uppercased().hasPrefix("SCRAM") == true, version < LibraryVersion(2, 6, 1) {
      warnings.append(
        "SCRAM from librdkafka \(version) is refused by brokers from 3.9 on (\"invalid credentials\") although the password is "
          + "right: use SASL/PLAIN over TLS, or librdkafka 2.6.1 or newer")
    }
    if values["partition.assignment.strategy"]?.contains("cooperative") == true, version < LibraryVersion(2, 10, 0) {
      warnings.append(
        "cooperative-sticky in librdkafka \(version) can rebalance without end (fixed in 2.6.1) and lose the assignment on a "
          + "commit during a rebalance (fixed in 2.10.0): `range` with a kafka.group_instance_id per instance is the safe choice")
    }
    return warnings
  }
}
