import CRdKafka
import StreamingRecommender

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One message from librdkafka: a record or an error.
struct KafkaMessage: ~Copyable {
  private let pointer: UnsafeMutablePointer<rd_kafka_message_t>

  init(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) { self.pointer = pointer }
  deinit { rd_kafka_message_destroy(pointer) }

  var code: rd_kafka_resp_err_t { pointer.pointee.err }
  var offset: Int64 { pointer.pointee.offset }
  /// `nil` for an error of the whole client. Allocates a string: for errors only, as records come from the queue of one partition.
  var topicPartition: TopicPartition? {
    guard let topic = pointer.pointee.rkt else { return nil }
    return TopicPartition(topic: String(cString: rd_kafka_topic_name(topic)), partition: pointer.pointee.partition)
  }
  /// The reason for an error code.
  var reason: String { rd_kafka_message_errstr(pointer).map { String(cString: $0) } ?? "" }

  /// A copy of everything, with key, value and headers unchanged.
  func record() -> Record {
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let timestamp = rd_kafka_message_timestamp(pointer, &kind)
    return Record(
      offset: pointer.pointee.offset,
      timestampMilliseconds: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0 ? nil : timestamp,
      key: bytes(pointer.pointee.key, pointer.pointee.key_len), value: bytes(pointer.pointee.payload, pointer.pointee.len),
      headers: headers())
  }

  static func isError(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) -> Bool {
    pointer.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR
  }

  /// Key, value and headers, as `Record.bytes` counts them.
  static func size(of pointer: UnsafeMutablePointer<rd_kafka_message_t>) -> Int {
    var size = pointer.pointee.key_len + pointer.pointee.len
    forEachHeader(of: pointer) { name, _, count in size += strlen(name) + count }
    return size
  }

  private func headers() -> [RecordHeader] {
    var headers: [RecordHeader] = []
    Self.forEachHeader(of: pointer) { headers.append(RecordHeader(name: String(cString: $0), value: bytes($1, $2) ?? [])) }
    return headers
  }

  private static func forEachHeader(
    of pointer: UnsafeMutablePointer<rd_kafka_message_t>,
    _ body: (_ name: UnsafePointer<CChar>, _ value: UnsafeRawPointer?, _ count: Int) -> Void
  ) {
    var list: OpaquePointer?
    guard rd_kafka_message_headers(pointer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return }
    for index in 0..<rd_kafka_header_cnt(list) {
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var count = 0
      guard rd_kafka_header_get_all(list, index, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR, let name else { continue }
      body(name, value, count)
    }
  }
}

private func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
  start.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: count)) }
}
