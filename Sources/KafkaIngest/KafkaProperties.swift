import StreamingRecommender

/// The librdkafka properties of one client: our settings, then what the configuration passes through.
///
/// Pure: nothing is connected or even created here, so that `freshet config check` can refuse a file without a broker.
public struct KafkaProperties: Equatable, Sendable {
  public var values: [String: String]
  /// Settings with known problems; each is one sentence for the log.
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

  /// A batch of records that needs more when decompressed halts its partition. 20 MiB: more than `input.max_record_bytes` may be.
  static let decompressedBatchBytesMax = 20 << 20

  /// The consumer of the input topics. `instance` is the name of the static member where `kafka.group_instance_id` is empty.
  public static func consumer(
    _ kafka: RecommenderConfiguration.Kafka, instance: String, membership: KafkaMembership,
    libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = shared(kafka)
    values["group.id"] = kafka.groupID
    values["enable.auto.commit"] = "false"
    values["enable.auto.offset.store"] = "false"
    // The default silently skips to the end when the log no longer holds the requested offset.
    values["auto.offset.reset"] = "error"
    // Per partition: the default of 64 MiB times 256 partitions is 16 GiB.
    values["queued.max.messages.kbytes"] = "2048"
    values["queued.min.messages"] = "20000"
    // The embedded broker sleeps this long on every empty fetch even when data arrives.
    values["fetch.wait.max.ms"] = membership == .direct ? "2" : "10"
    // After a failed fetch: the default of half a second is most of a second of freshness.
    values["fetch.error.backoff.ms"] = "100"
    // Compressed bytes, and librdkafka decompresses a whole response at once: a response of highly compressible batches can
    // occupy thousands of times as much. The broker still returns at least one batch, whatever its size.
    values["fetch.message.max.bytes"] = "32768"
    values["fetch.max.bytes"] = "131072"
    // Also what one batch may occupy when it is decompressed.
    values["receive.message.max.bytes"] = String(decompressedBatchBytesMax)
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
    var properties = try merge(values, kafka, own: kafka.consumer, group: "consumer", libraryVersion: libraryVersion)
    properties.reconcileFetchBounds()
    return properties
  }

  /// librdkafka refuses a fetch bound below the largest message of a producer, or above what it may receive.
  private mutating func reconcileFetchBounds() {
    guard let fetch = values["fetch.max.bytes"].flatMap({ Int($0) }) else { return }
    values["message.max.bytes"] = String(min(fetch, 1_000_000))
    guard let receive = values["receive.message.max.bytes"].flatMap({ Int($0) }), receive < fetch + 512 else { return }
    values["receive.message.max.bytes"] = String(fetch + 512)
  }

  /// The producer of events: `freshet produce`, tests and benchmarks.
  public static func events(
    _ kafka: RecommenderConfiguration.Kafka, pace: Pace, libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = producing(kafka)
    values["linger.ms"] = String(pace.lingerMilliseconds)
    return try merge(values, kafka, own: kafka.producer, group: "producer", libraryVersion: libraryVersion)
  }

  /// Records that need more are cut before they are sent: 4 MiB, as `max.message.bytes` of the dead-letter topic.
  static let deadLetterBytesMax = 4 << 20

  /// The producer of dead letters.
  public static func deadLetters(
    _ kafka: RecommenderConfiguration.Kafka, libraryVersion: LibraryVersion = .linked
  ) throws(KafkaError) -> KafkaProperties {
    var values = producing(kafka)
    values["linger.ms"] = "5"
    // A record near the broker's limit grows by our headers.
    values["message.max.bytes"] = String(deadLetterBytesMax)
    // Records beyond this wait in the engine, which bounds them per partition and stops reading.
    values["queue.buffering.max.kbytes"] = "32768"
    // A dead letter never expires: the snapshot that covers its offset waits for it.
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
      // Reconnect soon after a broker returns: the default backs off to 10 s.
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
        if let reason = PassedProperties.refusal(of: property) {
          throw .configuration("kafka.\(name).\(property) cannot be set: \(reason)")
        }
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

  /// Maps older names of a property to its current one, so that a setting has one value.
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
