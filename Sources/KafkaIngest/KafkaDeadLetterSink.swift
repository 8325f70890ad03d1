import CRdKafka
import Pipeline
import StreamingRecommender
import Synchronization
import Telemetry

/// Writes unusable records to the dead-letter topic, and retries until the broker has acknowledged them.
///
/// The engine bounds what waits: it stops reading a partition with too many `unacknowledged` dead letters. All calls are
/// thread-safe; each of them also serves delivery reports and resends what is due.
public final class KafkaDeadLetterSink: DeadLetterSink, Sendable {
  private let writer: Mutex<Writer>

  /// `version` is the product's, for the header of that name.
  public init(configuration: RecommenderConfiguration, version: String, log: Log = .disabled) throws(KafkaError) {
    let properties = try KafkaProperties.deadLetters(configuration.kafka)
    let writer = try Writer(
      properties: properties, topic: configuration.kafka.dlqTopic, instance: configuration.instance.id, version: version, log: log)
    self.writer = Mutex(writer)
  }

  public func send(_ letter: DeadLetter) { writer.withLock { $0.send(letter) } }
  public var lastSequence: UInt64 { writer.withLock { $0.lastSequence } }

  public var acknowledgedThrough: UInt64 {
    writer.withLock { writer in
      writer.serve(milliseconds: 0)
      return writer.acknowledgedThrough
    }
  }

  public var unacknowledged: [TopicPartition: Int] {
    writer.withLock { writer in
      writer.serve(milliseconds: 0)
      return writer.unacknowledged
    }
  }

  /// Failed deliveries, each followed by another attempt.
  public var failures: Int { writer.withLock { $0.failures } }

  public func flush(timeout: Duration) -> Bool {
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while true {
      let isDone = writer.withLock { writer in
        writer.serve(milliseconds: 10)
        return writer.acknowledgedThrough == writer.lastSequence
      }
      if isDone || MonotonicClock.nanoseconds() >= deadline { return isDone }
    }
  }
}

extension KafkaDeadLetterSink {
  /// The state, guarded by the mutex.
  private struct Writer: ~Copyable {
    private struct Pending {
      let source: TopicPartition
      /// Replaced when it is cut, so that the whole record is not kept.
      var envelope: DeadLetterEnvelope
      var attempts = 0
      /// When to (re)send, monotonic nanoseconds; `nil` while librdkafka has the record.
      var due: UInt64?
    }
    /// Filled by librdkafka during `serveProducer`, emptied right after it.
    private final class Reports {
      var codes: [(sequence: UInt64, code: rd_kafka_resp_err_t)] = []
    }

    private let properties: KafkaProperties
    private let topic: String
    private let instance: String
    private let version: String
    private let log: Log
    private let reports = Reports()
    private var client: KafkaClient
    private var pending: [UInt64: Pending] = [:]
    /// Sequences with a `due` time.
    private var waiting: Set<UInt64> = []
    /// Partitions that the dead-letter topic does not have: their dead letters go to any partition.
    private var withoutOwnPartition: Set<TopicPartition> = []
    private var warned: Set<String> = []
    private(set) var lastSequence: UInt64 = 0
    private(set) var acknowledgedThrough: UInt64 = 0
    private(set) var unacknowledged: [TopicPartition: Int] = [:]
    private(set) var failures = 0

    init(properties: KafkaProperties, topic: String, instance: String, version: String, log: Log) throws(KafkaError) {
      self.properties = properties
      self.topic = topic
      self.instance = instance
      self.version = version
      self.log = log
      client = try Self.makeClient(properties, reports, log)
    }

    deinit { client.purge() }

    private static func makeClient(_ properties: KafkaProperties, _ reports: Reports, _ log: Log) throws(KafkaError) -> KafkaClient {
      let client = try KafkaClient(RD_KAFKA_PRODUCER, properties: properties, callbacks: KafkaCallbacks(log: log))
      client.callbacks.onDelivery = { message in
        reports.codes.append((UInt64(UInt(bitPattern: message.pointee._private)), message.pointee.err))
      }
      return client
    }

    mutating func send(_ letter: DeadLetter) {
      lastSequence += 1
      var envelope = DeadLetterEnvelope(letter, instance: instance, version: version)
      envelope.fit(bytesMax: KafkaProperties.deadLetterBytesMax)
      if envelope.size != .whole { warnOfCut(letter.source) }
      pending[lastSequence] = Pending(source: letter.source, envelope: envelope)
      unacknowledged[letter.source, default: 0] += 1
      produce(lastSequence)
      serve(milliseconds: 0)
    }

    /// Takes delivery reports and resends what is due.
    mutating func serve(milliseconds: Int32) {
      client.serveProducer(milliseconds: milliseconds)
      let codes = reports.codes
      reports.codes = []
      for (sequence, code) in codes { settle(sequence, code) }
      guard !waiting.isEmpty else { return }
      if client.fatalError != nil { replaceClient() }
      let now = MonotonicClock.nanoseconds()
      for sequence in waiting.sorted() where pending[sequence]?.due ?? 0 <= now { produce(sequence) }
    }

    private mutating func produce(_ sequence: UInt64) {
      guard var entry = pending[sequence] else { return }
      entry.due = nil
      entry.attempts += 1
      pending[sequence] = entry
      waiting.remove(sequence)
      let (source, envelope) = (entry.source, entry.envelope)
      let code = client.produce(
        topic: topicName(source), partition: withoutOwnPartition.contains(source) ? nil : source.partition, key: envelope.key,
        value: envelope.value, timestampMilliseconds: nil, headers: envelope.headers, tag: sequence)
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { settle(sequence, code) }
    }

    private func topicName(_ source: TopicPartition) -> String { topic.isEmpty ? source.topic + ".dlq" : topic }

    private mutating func settle(_ sequence: UInt64, _ code: rd_kafka_resp_err_t) {
      guard var entry = pending[sequence] else { return }
      let source = entry.source
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return acknowledge(sequence, source) }
      var delay = min(UInt64(10_000_000_000), UInt64(250_000_000) << UInt64(min(entry.attempts, 6)))
      switch code {
      case RD_KAFKA_RESP_ERR__QUEUE_FULL: delay = 20_000_000
      case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        failures += 1
        if entry.envelope.size != .minimal { delay = 0 }
        entry.envelope.shrink()
        warnOfCut(source)
      case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION where !withoutOwnPartition.contains(source):
        failures += 1
        delay = 0
        withoutOwnPartition.insert(source)
        warnOnce(
          "\(topicName(source)) has fewer partitions than \(source.topic): dead letters go to any of them; "
            + "give it as many with kafka-topics --alter", source)
      default:
        failures += 1
        warnOnce("dead letters cannot be written to \(topicName(source)), retrying: \(KafkaError(code))", source)
      }
      entry.due = MonotonicClock.nanoseconds() + delay
      pending[sequence] = entry
      waiting.insert(sequence)
    }

    private mutating func acknowledge(_ sequence: UInt64, _ source: TopicPartition) {
      pending[sequence] = nil
      unacknowledged[source, default: 1] -= 1
      if unacknowledged[source] == 0 { unacknowledged[source] = nil }
      while acknowledgedThrough < lastSequence, pending[acknowledgedThrough + 1] == nil { acknowledgedThrough += 1 }
    }

    /// After a fatal error (the broker lost the idempotent producer's state) a producer rejects everything.
    private mutating func replaceClient() {
      guard let fresh = try? Self.makeClient(properties, reports, log) else { return }
      log.warning("the dead-letter producer is replaced: \(client.fatalError?.description ?? "")")
      client.callbacks.onDelivery = nil
      client.purge()
      client = fresh
      for sequence in pending.keys.sorted() {
        pending[sequence]?.due = 0
        waiting.insert(sequence)
      }
    }

    private mutating func warnOfCut(_ source: TopicPartition) {
      warnOnce("a dead letter is too large for \(topicName(source)) and was cut: raise max.message.bytes of that topic", source)
    }

    private mutating func warnOnce(_ sentence: String, _ source: TopicPartition) {
      guard warned.insert(sentence).inserted else { return }
      log.warning(sentence, ["topic": source.topic, "partition": source.partition])
    }
  }
}
