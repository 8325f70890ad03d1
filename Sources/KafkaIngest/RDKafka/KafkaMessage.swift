import CRdKafka
import StreamingRecommender

/// One message that librdkafka handed over: a record or an error.
struct KafkaMessage: ~Copyable {
  private let pointer: UnsafeMutablePointer<rd_kafka_message_t>

  init(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) { self.pointer = pointer }
  deinit { rd_kafka_message_destroy(pointer) }

  var code: rd_kafka_resp_err_t { pointer.pointee.err }
  var offset: Int64 { pointer.pointee.offset }
  var topicPartition: TopicPartition? {
    guard let topic = pointer.pointee.rkt else { return nil }
    return TopicPartition(topic: String(cString: rd_kafka_topic_name(topic)), partition: pointer.pointee.partition)
  }
  /// Of a message with a code, why.
  var reason: String { rd_kafka_message_errstr(pointer).map { String(cString: $0) } ?? "" }

  /// A copy of everything, bytes as they came.
  func record(from source: TopicPartition) -> Record {
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let timestamp = rd_kafka_message_timestamp(pointer, &kind)
    return Record(
      source: source, offset: pointer.pointee.offset,
      timestampMilliseconds: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0 ? nil : timestamp,
      key: bytes(pointer.pointee.key, pointer.pointee.key_len), value: bytes(pointer.pointee.payload, pointer.pointee.len),
      headers: headers())
  }

  private func headers() -> [RecordHeader] {
    var list: OpaquePointer?
    guard rd_kafka_message_headers(pointer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
    return (0..<rd_kafka_header_cnt(list)).compactMap { index in
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var count = 0
      guard rd_kafka_header_get_all(list, index, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR, let name else { return nil }
      return RecordHeader(name: String(cString: name), value: bytes(value, count) ?? [])
    }
  }
}

private func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
  start.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: count)) }
}
