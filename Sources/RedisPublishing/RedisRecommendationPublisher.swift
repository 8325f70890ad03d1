import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// Publishes lists, vectors and the model pointer to one Redis server.
///
/// Only `flush` and `close` wait for Redis: `submit` encodes and appends to a queue, and a thread of the publisher's own owns the
/// connection, sends pipelines and reads the replies. Commands that are not acknowledged stay in the queue, in order, through
/// time-outs, lost connections, error replies and restarts of the server.
///
/// Sendable: everything that changes lives in `PublisherState`, behind its lock.
public final class RedisRecommendationPublisher: RecommendationPublisher, @unchecked Sendable {
  public typealias Timing = PublisherTiming

  private let encoder: RedisCommandEncoder
  private let state: PublisherState
  private let pipeline: Int
  private let queueLimit: Int
  private let timeout: Duration
  private let keepsUsers: Bool

  /// - Parameters:
  ///   - writer: claims to be the only writer of the namespace; `nil` for publishers that may write beside others.
  ///   - takesOver: takes the namespace from a writer that is alive.
  ///   - partitions: whose progress is read at every connect and reported in `.connected`; see `follow(_:)`.
  ///   - onAcknowledged: called on the publisher's thread for each acknowledged `.user` command; must be cheap.
  ///   - onProgress: called on the publisher's thread after acknowledgements and changes of state; must be cheap. For waking the owner.
  /// - Throws: `RedisError` when `redis.url` cannot be used. A server that cannot be reached is not an error: see `status`.
  public init(
    redis: RecommenderConfiguration.Redis, publish: RecommenderConfiguration.Publish, instance: String,
    writer: WriterIdentity? = nil, takesOver: Bool = false, partitions: [TopicPartition] = [], timing: Timing = Timing(),
    log: Log = .disabled,
    onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)? = nil, onProgress: (@Sendable () -> Void)? = nil
  ) throws {
    _ = try RedisAddress(redis.url)
    precondition(publish.pipeline > 0, "publish.pipeline must be positive, got \(publish.pipeline)")
    let keys = RedisKeys(prefix: redis.keyPrefix, namespace: redis.namespace)
    encoder = RedisCommandEncoder(keys: keys, instance: instance, ttl: publish.ttl)
    pipeline = publish.pipeline
    queueLimit = publish.queueLimit
    timeout = redis.timeout
    keepsUsers = onAcknowledged != nil
    let state = PublisherState(partitions: partitions)
    self.state = state
    let (encoder, pipeline) = (encoder, pipeline)
    let lease = writer.map { WriterLease(own: $0, takesOver: takesOver) }
    let thread = Thread {
      PublishWorker(
        redis: redis, encoder: encoder, pipeline: pipeline, timing: timing, log: log, lease: lease, state: state,
        onAcknowledged: onAcknowledged, onProgress: onProgress
      ).run()
    }
    thread.name = "freshet-redis"
    thread.start()
  }

  deinit { close() }

  /// Replaces the partitions whose progress is read; a `.connected` event with their progress follows.
  public func follow(_ partitions: [TopicPartition]) {
    state.withLock {
      guard $0.partitions != partitions else { return }
      $0.partitions = partitions
      $0.mustReadView = true
    }
    state.wake()
  }

  /// Small on purpose: a list that waits here becomes stale, while a user in the engine's set of changed users does not.
  public var room: Int {
    state.withLock { $0.isUp && !$0.isClosing ? max(0, min(queueLimit, 4 * pipeline) - $0.queue.count) : 0 }
  }

  public func submit(_ commands: [PublishCommand], ticket: UInt64) {
    let now = MonotonicClock.nanoseconds()
    let encoded = commands.map { command in
      var encoded = encoder.encode(command)
      if keepsUsers { encoded.user = acknowledgedUser(command) }
      return encoded
    }
    state.withLock { $0.queue.submit(encoded, ticket: ticket, at: now) }
    state.wake()
  }

  public func acknowledged() -> [PublishAcknowledgement] {
    state.withLock { shared in
      defer { shared.acknowledgements.removeAll(keepingCapacity: true) }
      return shared.acknowledgements
    }
  }

  /// `.connected` is reported at every connect, after `follow`, when the server was found to be emptied, and when a model pointer
  /// was not written because its item vectors could not be proved.
  ///
  /// `published` holds, as everywhere, the *next* offset: one more than the inclusive `offset` in the hash. An `epoch` of nil means
  /// that there is no model in the view, even where progress is still reported.
  public func events() -> [PublisherEvent] {
    state.withLock { shared in
      defer { shared.events.removeAll(keepingCapacity: true) }
      return shared.events
    }
  }

  public var status: PublisherStatus {
    state.withLock { shared in
      var status = PublisherStatus()
      status.isUp = shared.isUp && !shared.isClosing
      status.problem = shared.problem
      status.queuedCommands = shared.queue.count
      if let oldest = shared.queue.oldestSubmittedAt {
        status.oldestSeconds = Double(MonotonicClock.nanoseconds() &- oldest) / 1e9
      }
      status.reconnects = shared.reconnects
      status.errors = shared.errors
      for (kind, count) in shared.published { status.published[kind.rawValue] = count }
      for (kind, bytes) in shared.publishedBytes { status.publishedBytes[kind.rawValue] = bytes }
      return status
    }
  }

  /// Waits until the server has answered or cannot be reached; returns why this publisher may not write, if another process does.
  public func conflict(timeout: Duration) -> String? {
    _ = state.wait(atMost: timeout) { $0.isUp || $0.problem != nil }
    return state.withLock { $0.displaced }
  }

  public func flush(timeout: Duration) -> Bool {
    state.wait(atMost: timeout) { $0.queue.isEmpty }
  }

  /// Ends the thread and the connection; what is not acknowledged by then is dropped, so `flush` first.
  public func close() {
    state.close()
    _ = state.wait(atMost: timeout * 2 + .milliseconds(500)) { $0.isFinished }
  }

  private func acknowledgedUser(_ command: PublishCommand) -> AcknowledgedUser? {
    guard case .user(let user) = command else { return nil }
    return AcknowledgedUser(user: user.user, partition: user.list.partition, offset: user.list.offset, atNanoseconds: 0)
  }
}
