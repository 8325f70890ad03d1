import CRdKafka
import StreamingRecommender
import Telemetry

/// A topic to be made.
public struct TopicSpecification: Equatable, Sendable {
  public var name: String
  public var partitions: Int
  /// Topic settings by Kafka's names.
  public var configuration: [String: String]

  public init(name: String, partitions: Int, configuration: [String: String] = [:]) {
    self.name = name
    self.partitions = partitions
    self.configuration = configuration
  }

  /// 30 days: must outlast the longest outage plus the retrain window, as what is deleted before it was read is lost.
  static let retentionMilliseconds = String(30 * 86_400_000)

  /// Kafka's own default, stated because a cluster may allow more: what one compressed batch of records may occupy.
  static let eventBatchBytesMax = 1_048_588

  /// A topic of interactions. Never compacted: that would drop all but a user's newest event.
  public static func events(_ name: String, partitions: Int = 8) -> TopicSpecification {
    TopicSpecification(
      name: name, partitions: partitions,
      configuration: [
        "cleanup.policy": "delete", "retention.ms": retentionMilliseconds, "max.message.bytes": String(eventBatchBytesMax),
      ])
  }

  /// Documents by item. Compacted: the newest document of each item stays for good.
  public static func items(_ name: String, partitions: Int = 8) -> TopicSpecification {
    TopicSpecification(name: name, partitions: partitions, configuration: ["cleanup.policy": "compact"])
  }

  /// The dead letters of a topic: as many partitions as it has, and room for a record at the limit plus our headers.
  public static func deadLetters(_ name: String, partitions: Int = 8) -> TopicSpecification {
    TopicSpecification(
      name: name, partitions: partitions,
      configuration: [
        "cleanup.policy": "delete", "retention.ms": retentionMilliseconds, "max.message.bytes": String(4 * 1024 * 1024),
      ])
  }
}

/// Creates and describes topics; each call waits for the broker, at most ten seconds.
public struct TopicAdministration: Sendable {
  public enum Outcome: Equatable, Sendable {
    case created
    /// It was there before, perhaps with another number of partitions.
    case exists(partitions: Int)
    /// With the fix.
    case failed(String)
  }

  private let client: KafkaClient
  private static let timeoutMilliseconds: Int32 = 10_000

  public init(kafka: RecommenderConfiguration.Kafka, log: Log = .disabled) throws(KafkaError) {
    client = try KafkaClient(
      RD_KAFKA_PRODUCER, properties: KafkaProperties.administration(kafka), callbacks: KafkaCallbacks(log: log))
  }

  /// `nil`: no such topic.
  public func partitionCount(_ topic: String) throws(KafkaError) -> Int? {
    switch client.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds) {
    case .success(let count): return Int(count)
    case .failure(let error) where error.name == "UNKNOWN_TOPIC_OR_PART" || error.name == "_UNKNOWN_TOPIC": return nil
    case .failure(let error): throw error
    }
  }

  /// Creates the topics that are missing, with the broker's default number of replicas. What exists is left as it is.
  public func ensureTopics(_ topics: [TopicSpecification]) throws(KafkaError) -> [String: Outcome] {
    var outcomes: [String: Outcome] = [:]
    var missing: [TopicSpecification] = []
    for topic in topics {
      if let partitions = try partitionCount(topic.name) {
        outcomes[topic.name] = .exists(partitions: partitions)
      } else {
        missing.append(topic)
      }
    }
    guard !missing.isEmpty else { return outcomes }
    return outcomes.merging(try create(missing)) { $1 }
  }

  private func create(_ topics: [TopicSpecification]) throws(KafkaError) -> [String: Outcome] {
    var handles: [OpaquePointer?] = []
    defer { for handle in handles { rd_kafka_NewTopic_destroy(handle) } }
    for topic in topics { handles.append(try makeTopic(topic)) }
    let options = rd_kafka_AdminOptions_new(client.pointer, RD_KAFKA_ADMIN_OP_CREATETOPICS)
    defer { rd_kafka_AdminOptions_destroy(options) }
    var reason = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, Self.timeoutMilliseconds, &reason, reason.count)
    // Wait until the controller has made them, so that the next client finds them.
    rd_kafka_AdminOptions_set_operation_timeout(options, Self.timeoutMilliseconds, &reason, reason.count)
    let queue = KafkaQueue(answersOf: client)
    rd_kafka_CreateTopics(client.pointer, &handles, handles.count, options, queue.pointer)
    guard let event = rd_kafka_queue_poll(queue.pointer, Self.timeoutMilliseconds + 1000) else {
      throw .noBroker(client.bootstrapServers)
    }
    defer { rd_kafka_event_destroy(event) }
    let code = rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw KafkaError(code, "creating topics: " + String(cString: rd_kafka_event_error_string(event)))
    }
    return outcomes(of: event)
  }

  private func makeTopic(_ topic: TopicSpecification) throws(KafkaError) -> OpaquePointer {
    var reason = [CChar](repeating: 0, count: 256)
    guard let handle = rd_kafka_NewTopic_new(topic.name, Int32(topic.partitions), -1, &reason, reason.count) else {
      throw .configuration("topic \(topic.name): \(cText(reason))")
    }
    for (name, value) in topic.configuration { rd_kafka_NewTopic_set_config(handle, name, value) }
    return handle
  }

  private func outcomes(of event: OpaquePointer) -> [String: Outcome] {
    var outcomes: [String: Outcome] = [:]
    var count = 0
    guard let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count) else { return [:] }
    for index in 0..<count {
      guard let result = results[index], let name = rd_kafka_topic_result_name(result).map({ String(cString: $0) }) else { continue }
      outcomes[name] = outcome(rd_kafka_topic_result_error(result), name, rd_kafka_topic_result_error_string(result))
    }
    return outcomes
  }

  private func outcome(_ code: rd_kafka_resp_err_t, _ name: String, _ reason: UnsafePointer<CChar>?) -> Outcome {
    switch code {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return .created
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      let count = try? client.partitionCount(of: name, timeoutMilliseconds: Self.timeoutMilliseconds).get()
      return .exists(partitions: Int(count ?? 0))
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return .failed("this user may not create \(name): have an administrator create it, or allow Create on the cluster")
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return .failed("the cluster's policy refuses \(name): \(reason.map { String(cString: $0) } ?? "")")
    default: return .failed(KafkaError(code, reason.map { String(cString: $0) } ?? "").description)
    }
  }
}
