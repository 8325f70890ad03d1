import CRdKafka
import Foundation
import StreamingRecommender
import Synchronization
import Telemetry

/// Writes small batches of records, each with one answer when the broker has acknowledged all of it. All calls are thread-safe, and none
/// of them waits for the broker.
///
/// Idempotent, and placed by key as Java's producer places them, so that a user stays in one partition whoever writes.
public final class KafkaBatchProducer: Sendable {
  /// The end of a batch.
  public enum Outcome: Sendable, Equatable {
    case delivered
    /// Nothing was sent; the sentence says why.
    case refused(String)
    /// Some records may be in the log, and some may not.
    case uncertain(String)
  }

  public typealias Completion = @Sendable (Outcome) -> Void

  private struct Batch {
    var left: Int
    var failure: String?
    let completion: Completion
  }

  private struct State {
    var batches: [UInt64: Batch] = [:]
    var last: UInt64 = 0
    /// The client's last error, for example that no broker answers.
    var problem: String?
    var isClosed = false
  }

  private final class Shared: Sendable {
    let state = Mutex(State())

    /// One record of the batch is done.
    func note(_ batch: UInt64, failure: String?) {
      let ended = state.withLock { state -> (Completion, Outcome)? in
        guard var entry = state.batches[batch] else { return nil }
        entry.left -= 1
        entry.failure = entry.failure ?? failure
        state.batches[batch] = entry.left > 0 ? entry : nil
        return entry.left > 0 ? nil : (entry.completion, entry.failure.map { .uncertain($0) } ?? .delivered)
      }
      if let (completion, outcome) = ended { completion(outcome) }
    }
  }

  private let client: KafkaClient
  private let shared = Shared()
  private let hasEnded = DispatchSemaphore(value: 0)
  private static let serveMilliseconds: Int32 = 100

  /// - Parameter timeout: how long the broker may take, after which the outcome of a batch is uncertain.
  public init(
    kafka: RecommenderConfiguration.Kafka, pace: KafkaProperties.Pace, timeout: Duration, log: Log = .disabled
  ) throws(KafkaError) {
    var properties = try KafkaProperties.events(kafka, pace: pace)
    properties.values["message.timeout.ms"] = String(timeout.clientMilliseconds)
    let client = try KafkaClient(RD_KAFKA_PRODUCER, properties: properties, callbacks: KafkaCallbacks(log: log))
    let shared = shared
    client.callbacks.onDelivery = { message in
      let failed = message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR
      shared.note(UInt64(UInt(bitPattern: message.pointee._private)), failure: failed ? KafkaError(message.pointee.err).description : nil)
    }
    // The client keeps its callbacks, so they must not keep the client.
    let servers = client.bootstrapServers
    client.callbacks.onError = { code, reason in
      let sentence = KafkaError.sentence(code, reason, servers)
      shared.state.withLock { $0.problem = sentence }
    }
    self.client = client
    // The only thread that polls the client, and so the one that calls back.
    let hasEnded = hasEnded
    Thread.detachNewThread {
      while !shared.state.withLock({ $0.isClosed && $0.batches.isEmpty }) { client.serveProducer(milliseconds: Self.serveMilliseconds) }
      hasEnded.signal()
    }
  }

  /// Hands the records over; `completion` is called once, on another thread or, if nothing could be sent, on this one.
  public func send(_ records: [(key: [UInt8]?, value: [UInt8]?)], to topic: String, completion: @escaping Completion) {
    guard !records.isEmpty else { return completion(.delivered) }
    // One more than there are records, so that the batch does not end before the last one is handed over.
    let batch = shared.state.withLock { state -> UInt64? in
      guard !state.isClosed else { return nil }
      state.last += 1
      state.batches[state.last] = Batch(left: records.count + 1, failure: nil, completion: completion)
      return state.last
    }
    guard let batch else { return completion(.refused("this process is stopping")) }
    for (index, record) in records.enumerated() {
      let code = client.produce(
        topic: topic, partition: nil, key: record.key, value: record.value, timestampMilliseconds: nil, headers: [], tag: batch)
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
      let why = sentence(code)
      guard index > 0 else {
        shared.state.withLock { $0.batches[batch] = nil }
        return completion(.refused(why))
      }
      // The records that were not handed over count as failed.
      for _ in index..<records.count { shared.note(batch, failure: why) }
      break
    }
    shared.note(batch, failure: nil)
  }

  private func sentence(_ code: rd_kafka_resp_err_t) -> String {
    guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else { return KafkaError(code).description }
    let problem = shared.state.withLock { $0.problem }
    return "too many records wait for the broker\(problem.map { ": \($0)" } ?? "")"
  }

  /// Takes no more, and waits until the batches that were taken have ended, at most `timeout`; what has not by then is given up.
  public func close(timeout: Duration) {
    shared.state.withLock { $0.isClosed = true }
    if hasEnded.wait(timeout: .now() + .nanoseconds(Int(timeout.nanoseconds))) == .success { return }
    client.purge()
    _ = hasEnded.wait(timeout: .now() + 1)
  }
}
