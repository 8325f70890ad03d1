import CRdKafka
import StreamingRecommender
import Telemetry

/// A Kafka broker inside this process, for the demo and tests: librdkafka's mock cluster.
///
/// Its log ends with the process and keeps about 5 MiB per partition. It has no offsets by time, no transactions, no static
/// members and no administration requests: topics are made here.
///
/// `@unchecked Sendable`: the mock cluster runs every call below on its own thread and waits for it.
public final class EmbeddedBroker: @unchecked Sendable {
  private let client: KafkaClient
  private let cluster: OpaquePointer
  public let brokers: Int
  /// The ports are the system's choice.
  public let bootstrapServers: String

  public init(brokers: Int = 1, log: Log = .disabled) throws(KafkaError) {
    self.brokers = brokers
    let properties = KafkaProperties(values: ["client.id": "freshet-embedded"])
    client = try KafkaClient(RD_KAFKA_PRODUCER, properties: properties, callbacks: KafkaCallbacks(log: log))
    guard let cluster = rd_kafka_mock_cluster_new(client.pointer, Int32(brokers)) else {
      throw .configuration("the embedded broker cannot listen on 127.0.0.1")
    }
    self.cluster = cluster
    bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
  }

  deinit { rd_kafka_mock_cluster_destroy(cluster) }

  public func createTopic(_ name: String, partitions: Int) throws(KafkaError) {
    try check(rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(brokers)), "topic \(name)")
  }
}

// MARK: - Faults, for tests

extension EmbeddedBroker {
  /// Brokers are numbered from 1.
  public func setDown(_ broker: Int = 1) throws(KafkaError) {
    try check(rd_kafka_mock_broker_set_down(cluster, Int32(broker)), "broker \(broker)")
  }

  public func setUp(_ broker: Int = 1) throws(KafkaError) {
    try check(rd_kafka_mock_broker_set_up(cluster, Int32(broker)), "broker \(broker)")
  }

  public func setRoundTrip(milliseconds: Int, broker: Int = 1) throws(KafkaError) {
    try check(rd_kafka_mock_broker_set_rtt(cluster, Int32(broker), Int32(milliseconds)), "broker \(broker)")
  }

  /// The next requests of this kind (Kafka's API key: 0 produce, 1 fetch, 3 metadata, 8 commit) are answered with these errors.
  public func pushErrors(apiKey: Int, codes: [Int]) {
    let codes = codes.map { rd_kafka_resp_err_t(rawValue: Int32($0)) }
    rd_kafka_mock_push_request_errors_array(cluster, Int16(apiKey), codes.count, codes)
  }

  public func clearErrors(apiKey: Int) { rd_kafka_mock_clear_request_errors(cluster, Int16(apiKey)) }

  /// `nil` leaves the partition without a leader.
  public func setLeader(of partition: TopicPartition, to broker: Int?) throws(KafkaError) {
    try check(
      rd_kafka_mock_partition_set_leader(cluster, partition.topic, partition.partition, Int32(broker ?? -1)), "\(partition)")
  }

  private func check(_ code: rd_kafka_resp_err_t, _ subject: String) throws(KafkaError) {
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, subject) }
  }
}
