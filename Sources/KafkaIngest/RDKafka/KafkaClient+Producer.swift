import CRdKafka
import StreamingRecommender

extension KafkaClient {
  /// Hands one record to the producer, which copies it; `tag` comes back in the delivery report. Never waits.
  func produce(
    topic: String, partition: Int32?, key: [UInt8]?, value: [UInt8]?, timestampMilliseconds: Int64?, headers: [RecordHeader],
    tag: UInt64
  ) -> rd_kafka_resp_err_t {
    topic.withCString { topicName in
      withBytes(key) { key in
        withBytes(value) { value in
          var fields: [rd_kafka_vu_t] = []
          fields.reserveCapacity(8)
          fields.append(RD_KAFKA_VTYPE_TOPIC) { $0.u.cstr = topicName }
          fields.append(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition ?? RD_KAFKA_PARTITION_UA }
          fields.append(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = RD_KAFKA_MSG_F_COPY }
          fields.append(RD_KAFKA_VTYPE_OPAQUE) { $0.u.ptr = UnsafeMutableRawPointer(bitPattern: UInt(tag)) }
          if let key {
            fields.append(RD_KAFKA_VTYPE_KEY) { $0.u.mem = .init(ptr: UnsafeMutableRawPointer(mutating: key.0), size: key.1) }
          }
          if let value {
            fields.append(RD_KAFKA_VTYPE_VALUE) { $0.u.mem = .init(ptr: UnsafeMutableRawPointer(mutating: value.0), size: value.1) }
          }
          if let timestampMilliseconds { fields.append(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = timestampMilliseconds } }
          let list = headers.isEmpty ? nil : makeHeaders(headers)
          if let list { fields.append(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = list } }
          guard let error = rd_kafka_produceva(pointer, fields, fields.count) else { return RD_KAFKA_RESP_ERR_NO_ERROR }
          defer { rd_kafka_error_destroy(error) }
          // Only a successful call takes the headers over.
          if let list { rd_kafka_headers_destroy(list) }
          return rd_kafka_error_code(error)
        }
      }
    }
  }

  /// Calls back for delivery reports and errors; waits at most `milliseconds` for the first.
  @discardableResult func serveProducer(milliseconds: Int32) -> Int32 { rd_kafka_poll(pointer, milliseconds) }

  /// Waits until all records are delivered or failed; the reports are called back from inside.
  func flush(milliseconds: Int32) -> Bool { rd_kafka_flush(pointer, milliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR }

  /// Gives up what is queued and in flight, so that destroying the client does not wait for it.
  func purge() { rd_kafka_purge(pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT) }

  private func makeHeaders(_ headers: [RecordHeader]) -> OpaquePointer? {
    let list = rd_kafka_headers_new(headers.count)
    for header in headers {
      withBytes(header.value) { value in
        _ = rd_kafka_header_add(list, header.name, -1, value?.0, value?.1 ?? 0)
      }
    }
    return list
  }
}

extension [rd_kafka_vu_t] {
  fileprivate mutating func append(_ type: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_t) -> Void) {
    var field = rd_kafka_vu_t()
    field.vtype = type
    fill(&field)
    append(field)
  }
}

/// Lends the bytes; an empty array has an address too, as librdkafka tells empty from absent by it.
private func withBytes<R>(_ bytes: [UInt8]?, _ body: ((UnsafeRawPointer, Int)?) -> R) -> R {
  guard let bytes else { return body(nil) }
  guard !bytes.isEmpty else { return withUnsafeBytes(of: UInt8(0)) { body(($0.baseAddress!, 0)) } }
  return bytes.withUnsafeBytes { body(($0.baseAddress!, bytes.count)) }
}
