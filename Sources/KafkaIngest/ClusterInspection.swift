import CRdKafka
import StreamingRecommender
import Telemetry

/// Asks a cluster about its brokers, topics and offsets, for diagnosis; each call waits for the broker, at most five seconds.
public final class ClusterInspection {
  public struct Broker: Sendable, Equatable {
    public var id: Int32
    /// As it tells clients to reach it.
    public var host: String
    public var port: Int32
  }

  public struct Partition: Sendable, Equatable {
    public var id: TopicPartition
    public var hasLeader: Bool
  }

  public struct Metadata: Sendable, Equatable {
    public var brokers: [Broker] = []
    /// Without topics that do not exist.
    public var topics: [String: [Partition]] = [:]
  }

  /// The offsets of a partition; `stable` is where readers of committed records must stop.
  public struct Ends: Sendable, Equatable {
    public var first: Int64
    public var stable: Int64
    public var end: Int64
  }

  private let committedReader: KafkaClient
  private let anyReader: KafkaClient
  private static let timeoutMilliseconds: Int32 = 5000

  public init(_ kafka: RecommenderConfiguration.Kafka) throws(KafkaError) {
    func client(_ isolation: String) throws(KafkaError) -> KafkaClient {
      var properties = try KafkaProperties.administration(kafka)
      properties.values["group.id"] = kafka.groupID
      properties.values["isolation.level"] = isolation
      properties.values["enable.auto.commit"] = "false"
      return try KafkaClient(RD_KAFKA_CONSUMER, properties: properties, callbacks: KafkaCallbacks(log: .disabled))
    }
    committedReader = try client("read_committed")
    anyReader = try client("read_uncommitted")
  }

  public func metadata(_ topics: [String]) throws(KafkaError) -> Metadata {
    var found = Metadata()
    for topic in topics {
      guard let handle = rd_kafka_topic_new(committedReader.pointer, topic, nil) else { throw KafkaError(rd_kafka_last_error(), topic) }
      defer { rd_kafka_topic_destroy(handle) }
      var answer: UnsafePointer<rd_kafka_metadata>?
      let code = rd_kafka_metadata(committedReader.pointer, 0, handle, &answer, Self.timeoutMilliseconds)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw .noBroker(committedReader.bootstrapServers) }
      defer { rd_kafka_metadata_destroy(answer) }
      found.brokers = (0..<Int(answer.pointee.broker_cnt)).map { index in
        let broker = answer.pointee.brokers[index]
        return Broker(id: broker.id, host: String(cString: broker.host), port: broker.port)
      }
      for index in 0..<Int(answer.pointee.topic_cnt) where answer.pointee.topics[index].err == RD_KAFKA_RESP_ERR_NO_ERROR {
        let topic = answer.pointee.topics[index]
        found.topics[String(cString: topic.topic)] = (0..<Int(topic.partition_cnt)).map { number in
          let partition = topic.partitions[number]
          return Partition(
            id: TopicPartition(topic: String(cString: topic.topic), partition: partition.id), hasLeader: partition.leader >= 0)
        }
      }
    }
    return found
  }

  /// `nil` if the broker does not tell.
  public func ends(of partition: TopicPartition) -> Ends? {
    guard case .success(let stable) = committedReader.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds),
      case .success(let all) = anyReader.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
    else { return nil }
    return Ends(first: all.lowerBound, stable: stable.upperBound, end: all.upperBound)
  }

  /// The offsets that the group has committed; partitions without one are left out.
  public func committed(_ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
    committedReader.committed(partitions, timeoutMilliseconds: Self.timeoutMilliseconds)
  }

  /// For each partition, the offset of the first record whose timestamp is at least this (milliseconds since 1970), or the end of the log
  /// if all records are older.
  public func offsets(since milliseconds: Int64, of partitions: [TopicPartition]) throws(KafkaError) -> PartitionOffsets {
    let list = PartitionList(capacity: partitions.count)
    for partition in partitions { list.append(partition, offset: milliseconds) }
    let code = rd_kafka_offsets_for_times(anyReader.pointer, list.pointer, Self.timeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "the offsets of a time cannot be looked up") }
    var offsets = PartitionOffsets()
    for element in list.pointer.elements {
      let partition = TopicPartition(element)
      guard element.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw KafkaError(element.err, "\(partition): the offset of a time cannot be looked up")
      }
      // Without such a record the answer is a code for "the end", which may be another offset by the time that reading begins.
      offsets[partition] =
        element.offset >= 0
        ? element.offset : try anyReader.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds).get().upperBound
    }
    return offsets
  }

  /// The settings of a topic by Kafka's names; empty if this user may not read them.
  public func settings(of topic: String) -> [String: String] {
    var resource: OpaquePointer? = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
    defer { rd_kafka_ConfigResource_destroy(resource) }
    let options = rd_kafka_AdminOptions_new(committedReader.pointer, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
    defer { rd_kafka_AdminOptions_destroy(options) }
    var reason = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, Self.timeoutMilliseconds, &reason, reason.count)
    let queue = KafkaQueue(answersOf: committedReader)
    rd_kafka_DescribeConfigs(committedReader.pointer, &resource, 1, options, queue.pointer)
    guard let event = rd_kafka_queue_poll(queue.pointer, Self.timeoutMilliseconds + 1000) else { return [:] }
    defer { rd_kafka_event_destroy(event) }
    guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [:] }
    var count = 0
    guard let resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count), count == 1,
      let found = resources[0], rd_kafka_ConfigResource_error(found) == RD_KAFKA_RESP_ERR_NO_ERROR
    else { return [:] }
    var entries = 0
    guard let configurations = rd_kafka_ConfigResource_configs(found, &entries) else { return [:] }
    var settings: [String: String] = [:]
    for index in 0..<entries {
      guard let entry = configurations[index], let name = rd_kafka_ConfigEntry_name(entry), let value = rd_kafka_ConfigEntry_value(entry)
      else { continue }
      settings[String(cString: name)] = String(cString: value)
    }
    return settings
  }
}
