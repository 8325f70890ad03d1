import CRdKafka
import StreamingRecommender
import Telemetry

/// Writes events, for `freshet produce`, tests and benchmarks; one thread at a time.
///
/// Idempotent, and placed by key as Java's producer places them, so that a user stays in one partition whoever writes.
public final class KafkaEventProducer {
  /// The result for one record.
  public struct Delivery: Sendable {
    /// The number given to `produce`.
    public let index: UInt64
    public let partition: Int32
    /// Meaningless with an error.
    public let offset: Int64
    public let error: KafkaError?
  }

  private let client: KafkaClient
  public private(set) var delivered = 0
  public private(set) var failed = 0
  /// Why the first record failed.
  public private(set) var firstFailure: KafkaError?
  /// The client's last error, for example that no broker answers.
  public private(set) var lastProblem: String?
  private let onDelivery: ((Delivery) -> Void)?

  /// `onDelivery` is called from inside `produce`, `serve` and `flush`.
  public init(
    kafka: RecommenderConfiguration.Kafka, pace: KafkaProperties.Pace, log: Log = .disabled, onDelivery: ((Delivery) -> Void)? = nil
  ) throws(KafkaError) {
    self.onDelivery = onDelivery
    let properties = try KafkaProperties.events(kafka, pace: pace)
    client = try KafkaClient(RD_KAFKA_PRODUCER, properties: properties, callbacks: KafkaCallbacks(log: log))
    client.callbacks.onDelivery = { [unowned self] message in take(message.pointee) }
    client.callbacks.onError = { [unowned self] code, reason in note(code, reason) }
  }

  deinit {
    // Records that were not flushed are dropped: destroying a client would wait for its queue indefinitely.
    client.callbacks.onDelivery = nil
    client.callbacks.onError = nil
    client.purge()
  }

  /// Hands a record over; `index` comes back in its `Delivery`. With a full queue it waits for room, at most `timeout`.
  public func produce(
    topic: String, key: [UInt8]?, value: [UInt8]?, timestampMilliseconds: Int64? = nil, headers: [RecordHeader] = [],
    partition: Int32? = nil, index: UInt64 = 0, timeout: Duration = .seconds(30)
  ) throws(KafkaError) {
    if let key, key.isEmpty {
      // Random under one partitioner, always the same partition under another.
      throw .configuration("a record's key must not be empty: leave it out, or give the user's id")
    }
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while true {
      let code = client.produce(
        topic: topic, partition: partition, key: key, value: value, timestampMilliseconds: timestampMilliseconds,
        headers: headers, tag: index)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { break }
      guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL, MonotonicClock.nanoseconds() < deadline else {
        throw code == RD_KAFKA_RESP_ERR__QUEUE_FULL && lastProblem != nil
          ? .noBroker(client.bootstrapServers) : KafkaError(code)
      }
      client.serveProducer(milliseconds: 10)
    }
    client.serveProducer(milliseconds: 0)
  }

  /// Calls back for what was delivered; waits at most `timeout` for the first report.
  public func serve(timeout: Duration = .zero) { client.serveProducer(milliseconds: timeout.clientMilliseconds) }

  /// True when every record was delivered or has failed.
  public func flush(timeout: Duration) -> Bool { client.flush(milliseconds: timeout.clientMilliseconds) }

  private func take(_ message: rd_kafka_message_t) {
    let error = message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(message.err)
    if error == nil { delivered += 1 } else { failed += 1 }
    firstFailure = firstFailure ?? error
    onDelivery?(
      Delivery(
        index: UInt64(UInt(bitPattern: message._private)), partition: message.partition, offset: message.offset, error: error))
  }

  private func note(_ code: rd_kafka_resp_err_t, _ reason: String) {
    lastProblem = KafkaError.sentence(code, reason, client.bootstrapServers)
  }
}

extension Duration {
  /// Rounded up, for librdkafka's time-outs.
  var clientMilliseconds: Int32 { Int32(clamping: (nanoseconds + 999_999) / 1_000_000) }
}
