import CRdKafka
import StreamingRecommender
import Telemetry

/// One `rd_kafka_t`: a consumer or a producer with its threads and connections.
///
/// `@unchecked Sendable`: librdkafka's client handle may be used from any thread, and `callbacks` are touched only by the one
/// thread that polls this client.
final class KafkaClient: @unchecked Sendable {
  let pointer: OpaquePointer
  let callbacks: KafkaCallbacks
  let bootstrapServers: String

  init(_ kind: rd_kafka_type_t, properties: KafkaProperties, callbacks: KafkaCallbacks) throws(KafkaError) {
    let configuration: OpaquePointer = rd_kafka_conf_new()
    var reason = [CChar](repeating: 0, count: 512)
    for (name, value) in properties.values {
      guard rd_kafka_conf_set(configuration, name, value, &reason, reason.count) == RD_KAFKA_CONF_OK else {
        rd_kafka_conf_destroy(configuration)
        throw .configuration("librdkafka \(LibraryVersion.linked) refuses the property \(name): \(cText(reason))")
      }
    }
    callbacks.install(in: configuration, producer: kind == RD_KAFKA_PRODUCER)
    // A successful rd_kafka_new owns the configuration.
    guard let pointer = rd_kafka_new(kind, configuration, &reason, reason.count) else {
      rd_kafka_conf_destroy(configuration)
      throw .configuration("Kafka client: \(cText(reason))")
    }
    self.pointer = pointer
    self.callbacks = callbacks
    bootstrapServers = properties.values["bootstrap.servers"] ?? ""
    for warning in properties.warnings { callbacks.log.warning(warning) }
  }

  /// Queues and topic handles retain this object, so they are destroyed already. The group was left in `closeConsumer`: closing
  /// here would call back into an owner that no longer exists.
  deinit { rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

  /// The error after which this client rejects everything, if there was one.
  var fatalError: KafkaError? {
    var reason = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(pointer, &reason, reason.count)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code, cText(reason), isFatal: true)
  }

  /// Partitions of a topic by asking a broker; waits at most `timeoutMilliseconds`.
  func partitionCount(of topic: String, timeoutMilliseconds: Int32) -> Result<Int32, KafkaError> {
    guard let handle = rd_kafka_topic_new(pointer, topic, nil) else { return .failure(KafkaError(rd_kafka_last_error(), topic)) }
    defer { rd_kafka_topic_destroy(handle) }
    var answer: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(pointer, 0, handle, &answer, timeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { return .failure(brokerFailure(code)) }
    defer { rd_kafka_metadata_destroy(answer) }
    guard answer.pointee.topic_cnt == 1, let found = answer.pointee.topics else {
      return .failure(KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "topic \(topic) does not exist"))
    }
    guard found.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let missing = found.pointee.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
      return .failure(KafkaError(found.pointee.err, missing ? "topic \(topic) does not exist" : "topic \(topic)"))
    }
    return .success(found.pointee.partition_cnt)
  }

  /// First and next offset of a partition's log; waits at most `timeoutMilliseconds`.
  func watermarks(of partition: TopicPartition, timeoutMilliseconds: Int32) -> Result<ClosedRange<Int64>, KafkaError> {
    var low: Int64 = 0
    var high: Int64 = 0
    let code = rd_kafka_query_watermark_offsets(
      pointer, partition.topic, partition.partition, &low, &high, timeoutMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, low >= 0, low <= high else { return .failure(KafkaError(code, "\(partition)")) }
    return .success(low...high)
  }

  private func brokerFailure(_ code: rd_kafka_resp_err_t) -> KafkaError {
    switch code {
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      .noBroker(bootstrapServers)
    default: KafkaError(code)
    }
  }
}

/// A C string in a fixed buffer.
func cText(_ buffer: [CChar]) -> String {
  String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
