import Foundation
import StreamingRecommender
import Telemetry

/// The publisher's thread: it owns the connection and carries the queue over it.
final class PublishWorker {
  /// What the server holds of ours.
  private struct View {
    var epoch: UInt32?
    var published = PartitionOffsets()
  }

  private let redis: RecommenderConfiguration.Redis
  private let keys: RedisKeys
  private let instance: String
  private let pipeline: Int
  private let timing: PublisherTiming
  private let log: Log
  private let state: PublisherState
  private let onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)?
  private let onProgress: (@Sendable () -> Void)?

  private var connection: RedisConnection?
  /// `.connected` was reported for `connection`.
  private var isAnnounced = false
  private var hasBeenAnnounced = false
  private var failures = 0
  private var trouble: RedisError.Kind?
  private var epoch: UInt32?
  private var heartbeatAt: UInt64 = 0
  private var modelWrittenSinceHeartbeat = false
  private var outgoing: [UInt8] = []

  private static let heartbeatSeconds = 30

  init(
    redis: RecommenderConfiguration.Redis, keys: RedisKeys, instance: String, pipeline: Int,
    timing: PublisherTiming, log: Log, state: PublisherState,
    onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)?, onProgress: (@Sendable () -> Void)?
  ) {
    self.redis = redis
    self.keys = keys
    self.instance = instance
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
        if trouble != nil || MonotonicClock.nanoseconds() >= heartbeatAt + timing.heartbeat.nanosecondsClamped {
          try renewHeartbeat(connection)
        }
        try carry(connection)
        recovered()
        waitForWork()
      } catch {
        failed(error as? RedisError ?? RedisError(.io, "\(error)"))
      }
    }
    disconnect()
    state.withLock { $0.isFinished = true }
    state.wake()
  }

  // MARK: Connecting

  private func connected() throws -> RedisConnection {
    // The wish stands until it is fulfilled: an error reply on the way must not lose it.
    let mustReadView = state.withLock { $0.mustReadView }
    if let connection, !mustReadView { return connection }
    let asked = state.withLock { $0.partitions }
    let connection = try self.connection ?? RedisConnection.open(redis, clientName: "freshet-\(instance)")
    self.connection = connection
    state.withLock { $0.descriptor = connection.fileDescriptor }
    let view = try readView(connection)
    epoch = view.epoch
    heartbeatAt = 0
    try renewHeartbeat(connection)
    announce(view)
    state.withLock { if $0.partitions == asked { $0.mustReadView = false } }
    return connection
  }

  /// Reads before anything is written: data of another program must stay as it is.
  private func readView(_ connection: RedisConnection) throws -> View {
    var view = View()
    let model = try fields(of: keys.model, connection)
    if !model.isEmpty {
      guard model["format"] == RedisCommandEncoder.format else {
        throw RedisError(
          .foreign,
          "the key \(keys.model) was not written by this version of Freshet (format \(model["format"] ?? "missing"), "
            + "expected \(RedisCommandEncoder.format)), so nothing is written there")
      }
      view.epoch = model["epoch"].flatMap { UInt32($0) }
      guard view.epoch != .max else { throw RedisError(.foreign, "the epoch in \(keys.model) leaves no number for the next") }
    }
    for partition in state.withLock({ $0.partitions }) {
      let progress = try fields(of: keys.progress(partition), connection)
      if let offset = progress["offset"].flatMap({ Int64($0) }), offset < .max { view.published[partition] = offset + 1 }
    }
    return view
  }

  private func fields(of key: String, _ connection: RedisConnection) throws -> [String: String] {
    switch try connection.exchange(["HGETALL", key]) {
    case .error(let text):
      let error = RedisError(reply: text)
      throw RedisError(error.kind, "\(error.message) about the key \(key)")
    case let reply: return reply.fields ?? [:]
    }
  }

  private func announce(_ view: View) {
    let isReconnect = hasBeenAnnounced && !isAnnounced
    isAnnounced = true
    hasBeenAnnounced = true
    state.withLock {
      if isReconnect { $0.reconnects += 1 }
      // After trouble, only a command that got through says that it is over.
      $0.isUp = trouble == nil
      $0.events.append(.connected(epoch: view.epoch, published: view.published))
    }
    log.info("connected to Redis", ["redis": connection?.address.description ?? "", "epoch": view.epoch])
    progress()
  }

  private func disconnect() {
    guard connection != nil else { return }
    state.withLock { $0.descriptor = nil }
    connection = nil
    isAnnounced = false
  }

  // MARK: Heartbeat

  /// Checks the heartbeat key before renewing it: if it is gone before its time, somebody emptied the server.
  private func renewHeartbeat(_ connection: RedisConnection) throws {
    let now = MonotonicClock.nanoseconds()
    let key = keys.heartbeat(instance: instance)
    var name: [UInt8] = []
    JSONString.append(instance, to: &name)
    let epochText = epoch.map { String($0) } ?? "null"
    let value = "{\"instance\":\(String(decoding: name, as: UTF8.self)),\"ts\":\(WallClock.milliseconds()),\"epoch\":\(epochText)}"
    var writer = RESPWriter()
    writer.append(["EXISTS", .text(key)])
    writer.append(["EXISTS", .text(keys.model)])
    writer.append(["SET", .text(key), .text(value), "EX", .text("\(Self.heartbeatSeconds)")])
    try connection.send(writer.bytes)
    let replies = try (0..<3).map { _ in try connection.nextReply() }
    try connection.expectNoMore()
    for case .error(let text) in replies { throw RedisError(reply: text) }
    let heartbeatIsThere = replies[0].integer == 1
    let modelIsThere = replies[1].integer == 1
    let shouldHaveLived = heartbeatAt != 0 && now < heartbeatAt + UInt64(Self.heartbeatSeconds - 5) * 1_000_000_000
    // A server that evicts may drop the heartbeat alone; then the model pointer is still there, unless it was written just now.
    let lostHeartbeat = shouldHaveLived && !heartbeatIsThere && (epoch == nil || modelWrittenSinceHeartbeat)
    // Counts without the heartbeat too: that expires by itself when writes were refused for long, and emptying a full server is
    // just what somebody may do then.
    let lostModel = epoch != nil && !modelIsThere
    let isEmptied = lostHeartbeat || lostModel
    heartbeatAt = now
    modelWrittenSinceHeartbeat = false
    if isEmptied { reportEmptied() }
  }

  private func reportEmptied() {
    epoch = nil
    state.withLock { $0.events.append(.connected(epoch: nil, published: PartitionOffsets())) }
    log.warning("the view in Redis was emptied by somebody; everything must be published again")
    progress()
  }

  // MARK: Carrying the queue

  private func carry(_ connection: RedisConnection) throws {
    let batch = state.withLock { $0.queue.nextPipeline(repliesMax: pipeline) }
    guard !batch.isEmpty else { return }
    outgoing.removeAll(keepingCapacity: true)
    for entry in batch { outgoing += entry.command.bytes }

    var times: [UInt64] = []
    times.reserveCapacity(batch.count)
    defer { acknowledge(batch, times) }
    try connection.send(outgoing)
    var refusal: RedisError?
    for entry in batch {
      for _ in 0..<entry.command.replies {
        if let error = try connection.nextError(), refusal == nil {
          refusal = RedisError(error.kind, "\(error.message) to a command that writes \(entry.command.kind.rawValue)")
        }
      }
      // After the first refusal the rest stays queued too, whatever its replies: order is kept.
      if refusal == nil { times.append(MonotonicClock.nanoseconds()) }
    }
    try connection.expectNoMore()
    if let refusal { throw refusal }
  }

  /// The first `times.count` entries of `batch` are done.
  private func acknowledge(_ batch: [PublishQueue.Entry], _ times: [UInt64]) {
    guard !times.isEmpty else { return }
    failures = 0
    for entry in batch.prefix(times.count) {
      guard let written = entry.command.modelEpoch else { continue }
      epoch = written
      modelWrittenSinceHeartbeat = true
    }
    state.withLock { shared in
      shared.queue.acknowledge(times.count)
      for (entry, time) in zip(batch, times) {
        if let ticket = entry.ticket { shared.acknowledgements.append(.init(ticket: ticket, atNanoseconds: time)) }
        shared.count(entry.command)
      }
    }
    if let onAcknowledged {
      for (entry, time) in zip(batch, times) {
        guard var user = entry.user else { continue }
        user.atNanoseconds = time
        onAcknowledged(user)
      }
    }
    progress()
  }

  private func waitForWork() {
    let now = MonotonicClock.nanoseconds()
    let heartbeatDue = heartbeatAt + timing.heartbeat.nanosecondsClamped
    guard heartbeatDue > now else { return }
    _ = state.wait(atMost: .nanoseconds(Int64(heartbeatDue - now))) { !$0.queue.isEmpty || $0.isClosing || $0.mustReadView }
  }

  // MARK: Trouble

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
    if trouble != error.kind { log.warning("publishing to Redis stands still", ["problem": error.description]) }
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
    log.info("publishing to Redis goes on")
    progress()
  }

  /// Full jitter, so that many writers do not come back in step.
  private func pause(after error: RedisError) -> Duration {
    if error.policy == .configuration { return timing.configurationRetry }
    let bound = min(timing.backOffMax, timing.backOffMin * (1 << min(failures, 16)))
    return .nanoseconds(Int64.random(in: 1_000_000...max(1_000_000, Int64(bound.nanosecondsClamped))))
  }

  private func progress() {
    state.wake()
    onProgress?()
  }
}

extension PublisherState.Shared {
  mutating func count(_ command: EncodedCommand) {
    guard command.replies > 0 else { return }
    published[command.kind, default: 0] += 1
    publishedBytes[command.kind, default: 0] += command.bytes.count - command.vectorBytes
    guard command.vectorBytes > 0 else { return }
    published[.vec, default: 0] += 1
    publishedBytes[.vec, default: 0] += command.vectorBytes
  }
}
