import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// The publisher's thread: it owns the connection and sends the queue over it.
final class PublishWorker {
  let encoder: RedisCommandEncoder
  var keys: RedisKeys { encoder.keys }
  private let redis: RecommenderConfiguration.Redis
  let pipeline: Int
  let timing: PublisherTiming
  let log: Log
  let state: PublisherState
  let onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)?
  private let onProgress: (@Sendable () -> Void)?

  private var connection: RedisConnection?
  /// The last connection that may have written, as the server knows it.
  private var writingClient: (id: Int64, name: String?)?
  private var hasEndedPredecessors = false
  /// `.connected` was reported for `connection`.
  private var isAnnounced = false
  private var hasBeenAnnounced = false
  var failures = 0
  private(set) var trouble: RedisError.Kind?
  /// The epoch of the pointer in the view.
  var epoch: UInt32?
  var proof = WriteProof()
  /// Epochs whose item vectors this publisher began to write.
  var begunEpochs: Set<UInt32> = []
  var heartbeatAt: UInt64 = 0
  /// `nil` if anyone may write beside this publisher.
  private var lease: WriterLease?
  var modelWrittenSinceHeartbeat = false

  init(
    redis: RecommenderConfiguration.Redis, encoder: RedisCommandEncoder, pipeline: Int, timing: PublisherTiming, log: Log,
    lease: WriterLease?, state: PublisherState, onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)?,
    onProgress: (@Sendable () -> Void)?
  ) {
    self.lease = lease
    self.redis = redis
    self.encoder = encoder
    self.pipeline = pipeline
    self.timing = timing
    self.log = log
    self.state = state
    self.onAcknowledged = onAcknowledged
    self.onProgress = onProgress
  }

  func run() {
    while !state.withLock({ $0.isClosing }) {
      do {
        let connection = try connected()
        if trouble != nil || MonotonicClock.nanoseconds() >= heartbeatAt + timing.heartbeat.nanoseconds {
          try holdLease(connection)
          try renewHeartbeat(connection)
        }
        try sendQueue(connection)
        recovered()
        waitForWork()
      } catch {
        failed(error as? RedisError ?? RedisError(.io, "\(error)"))
      }
    }
    disconnect()
    releaseLease()
    state.withLock { $0.isFinished = true }
    state.wake()
  }

  // MARK: The lease

  /// Before anything is written: another writer's lists are not to be overwritten.
  private func holdLease(_ connection: RedisConnection) throws {
    do {
      try lease?.hold(connection, keys, heartbeat: timing.heartbeat, log: log)
      state.withLock { $0.displaced = nil }
    } catch let error as RedisError where error.kind == .writer {
      state.withLock { shared in
        if shared.displaced == nil { shared.events.append(.displaced(error.description)) }
        shared.displaced = error.description
      }
      throw error
    }
  }

  /// Over a connection of its own, because `close` has interrupted the other one. Without success the key expires.
  private func releaseLease() {
    guard trouble == nil, lease?.isHeld == true, let connection = try? RedisConnection.open(redis, clientName: "freshet-release")
    else { return }
    try? lease?.release(connection, keys)
  }

  func progress() {
    state.wake()
    onProgress?()
  }

  // MARK: Connecting

  private func connected() throws -> RedisConnection {
    // The request stands until it is fulfilled: an error reply on the way must not lose it.
    let mustReadView = state.withLock { $0.mustReadView }
    if let connection, !mustReadView { return connection }
    let asked = state.withLock { $0.partitions }
    let connection = try self.connection ?? connect()
    var view = try readView(connection)
    try holdLease(connection)
    // What they had sent may have been executed after the view was read.
    if endPredecessors() > 0 { view = try readView(connection) }
    try discardIncompleteProofs(connection)
    let surviving = proof.survivingTicket(view.marker)
    proof.fallBack(to: view.marker)
    state.withLock { $0.queue.dropProgress() }
    epoch = view.epoch
    heartbeatAt = 0
    try renewHeartbeat(connection)
    announce(view, surviving: surviving)
    state.withLock { if $0.partitions == asked { $0.mustReadView = false } }
    return connection
  }

  /// A connection whose predecessor can no longer write.
  private func connect() throws -> RedisConnection {
    let connection = try RedisConnection.open(redis, clientName: clientName)
    self.connection = connection
    state.withLock { $0.descriptor = connection.fileDescriptor }
    let client = try connection.clientID()
    try connection.killClient(try supersededClient(connection, id: client))
    writingClient = (client, connection.name)
    return connection
  }

  /// Names the instance and what it writes, because two namespaces may have a writer of the same instance.
  private var clientName: String { "freshet-\(encoder.instance)-\(keys.root)" }

  /// Once, after the lease showed that no other writer is at work: connections of an earlier process with the same name are ended. Over a
  /// connection of its own, because the reply is long where there are many clients. Without the right to CLIENT LIST nothing happens.
  private func endPredecessors() -> Int {
    guard !hasEndedPredecessors, let client = writingClient, let name = client.name else { return 0 }
    hasEndedPredecessors = true
    do {
      let connection = try RedisConnection.open(
        redis, clientName: "freshet-start", replyBytesMax: RedisConnection.replyBytesMaxOfReader)
      let ended = try connection.killNamesakes(name, except: client.id)
      if ended > 0 { log.info("connections of an earlier process to Redis were ended", ["connections": ended]) }
      return ended
    } catch {
      log.warning("connections of an earlier process to Redis could not be looked for", ["problem": "\(error)"])
      return 0
    }
  }

  /// The connection to end before the new one, whose id is `id`, writes anything.
  private func supersededClient(_ connection: RedisConnection, id: Int64) throws -> Int64? {
    // Ids grow while a server runs: if the new one is smaller, the server of the old one is gone, and its connections with it.
    guard let old = writingClient, old.id < id else { return nil }
    return try connection.isForeignClient(old.id, unlessNamed: old.name) ? nil : old.id
  }

  private func announce(_ view: ViewState, surviving: UInt64?) {
    let isNew = !isAnnounced
    let isReconnect = hasBeenAnnounced && isNew
    isAnnounced = true
    hasBeenAnnounced = true
    state.withLock {
      if isReconnect { $0.reconnects += 1 }
      // After trouble, only a command that got through says that it is over.
      $0.isUp = trouble == nil
      $0.events.append(
        .connected(epoch: view.epoch, published: view.published, survivingTicket: surviving))
    }
    if isNew {
      log.info("connected to Redis", ["redis": connection?.address.description ?? "", "epoch": view.epoch])
    }
    progress()
  }

  private func disconnect() {
    guard connection != nil else { return }
    state.withLock { $0.descriptor = nil }
    connection = nil
    isAnnounced = false
  }

  func reportEmptied(_ reason: String) {
    epoch = nil
    state.withLock { $0.events.append(.connected(epoch: nil, published: PartitionOffsets(), survivingTicket: nil)) }
    log.warning("everything must be published to Redis again", ["reason": reason])
    progress()
  }

  // MARK: Waiting and errors

  private func waitForWork() {
    let now = MonotonicClock.nanoseconds()
    let heartbeatDue = heartbeatAt + timing.heartbeat.nanoseconds
    guard heartbeatDue > now else { return }
    _ = state.wait(atMost: .nanoseconds(Int64(heartbeatDue - now))) { !$0.queue.isEmpty || $0.isClosing || $0.mustReadView }
  }

  private func failed(_ error: RedisError) {
    let wasAnnounced = isAnnounced
    let losesConnection = !isAnnounced || error.policy == .dropConnection || error.policy == .reroute
    if losesConnection { disconnect() }
    let isClosing = state.withLock { shared in
      guard !shared.isClosing else { return true }
      shared.isUp = false
      shared.problem = error.description
      shared.errors[error.kind.rawValue, default: 0] += 1
      shared.queue.prepareReplay()
      if losesConnection && wasAnnounced { shared.events.append(.disconnected(error.description)) }
      return false
    }
    guard !isClosing else { return }
    if trouble != error.kind { log.warning("publishing to Redis is interrupted", ["problem": error.description]) }
    trouble = error.kind
    progress()
    _ = state.wait(atMost: pause(after: error)) { $0.isClosing }
    failures += 1
  }

  private func recovered() {
    failures = 0
    guard trouble != nil else { return }
    trouble = nil
    state.withLock {
      $0.isUp = true
      $0.problem = nil
    }
    log.info("publishing to Redis resumed")
    progress()
  }

  /// Full jitter, so that many writers do not reconnect in step.
  private func pause(after error: RedisError) -> Duration {
    if error.policy == .configuration { return timing.configurationRetry }
    let bound = min(timing.backOffMax, timing.backOffMin * (1 << min(failures, 16)))
    return .nanoseconds(Int64.random(in: 1_000_000...max(1_000_000, Int64(bound.nanoseconds))))
  }
}
