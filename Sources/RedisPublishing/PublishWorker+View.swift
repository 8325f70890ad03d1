import Pipeline
import StreamingRecommender
import Telemetry

// Reading what the server holds, and noticing when it was emptied.
extension PublishWorker {
  struct ViewState {
    var epoch: UInt32?
    var published = PartitionOffsets()
    var marker: WriteMarker?
  }

  private static let heartbeatSeconds = 30

  /// Reads before anything is written: data of another program must stay as it is.
  func readView(_ connection: RedisConnection) throws -> ViewState {
    var view = ViewState()
    let model = try read(["HGETALL", keys.model], connection).fields ?? [:]
    if !model.isEmpty {
      guard model["format"] == RedisCommandEncoder.format else {
        throw RedisError(
          .foreign,
          "the key \(keys.model) was not written by this version of Freshet (format \(model["format"] ?? "missing"), "
            + "expected \(RedisCommandEncoder.format)), so nothing is written there")
      }
      view.epoch = model["epoch"].flatMap { UInt32($0) }
      guard (view.epoch ?? 0) <= ModelLifecycle.epochMax else {
        throw RedisError(.foreign, "the epoch in \(keys.model) leaves no number for the next")
      }
    }
    for partition in state.withLock({ $0.partitions }) {
      let progress = try read(["HGETALL", keys.progress(partition)], connection).fields ?? [:]
      if let offset = progress["offset"].flatMap({ Int64($0) }), offset < .max { view.published[partition] = offset + 1 }
    }
    view.marker = try read(["GET", keys.marker(instance: encoder.instance)], connection).text.flatMap { WriteMarker(text: $0) }
    return view
  }

  /// After a loss, item vectors that were begun may never count as complete. A proof that stands is right all the same: what was
  /// written before it stands too.
  func discardIncompleteProofs(_ connection: RedisConnection) throws {
    for epoch in begunEpochs {
      let key = keys.items(epoch: epoch)
      guard try read(["GET", key], connection).text == RedisKeys.itemsIncomplete else { continue }
      try connection.command(["UNLINK", key])
    }
  }

  private func read(_ arguments: [String], _ connection: RedisConnection) throws -> RedisReply {
    let reply = try connection.exchange(arguments)
    guard case .error(let text) = reply else { return reply }
    let error = RedisError(reply: text)
    throw RedisError(error.kind, "\(error.message) about the key \(arguments[1])")
  }

  /// Checks the heartbeat key before renewing it: if it disappeared before it could expire, the server was emptied.
  func renewHeartbeat(_ connection: RedisConnection) throws {
    let now = MonotonicClock.nanoseconds()
    let key = keys.heartbeat(instance: encoder.instance)
    var writer = RESPWriter()
    writer.append(["EXISTS", .text(key)])
    writer.append(["EXISTS", .text(keys.model)])
    writer.append(["SET", .text(key), .bytes(heartbeatValue()), "EX", .text("\(Self.heartbeatSeconds)")])
    // The marker lives as long as the writer is at work, and never comes back into a view that lost it.
    try connection.send(writer.bytes + encoder.encode(proof.marker(completing: nil), onlyIfPresent: true))
    let replies = try (0..<4).map { _ in try connection.nextReply() }
    try connection.expectNoMore()
    for case .error(let text) in replies { throw RedisError(reply: text) }
    let isEmptied = isEmptied(heartbeatIsThere: replies[0].integer == 1, modelIsThere: replies[1].integer == 1, now)
    heartbeatAt = now
    modelWrittenSinceHeartbeat = false
    if isEmptied { reportEmptied("the server was emptied") }
  }

  private func heartbeatValue() -> [UInt8] {
    var value = Array("{\"instance\":".utf8)
    JSONString.append(encoder.instance, to: &value)
    return value + ",\"ts\":\(WallClock.milliseconds()),\"epoch\":\(epoch.map { String($0) } ?? "null")}".utf8
  }

  private func isEmptied(heartbeatIsThere: Bool, modelIsThere: Bool, _ now: UInt64) -> Bool {
    let shouldHaveLived = heartbeatAt != 0 && now < heartbeatAt + UInt64(Self.heartbeatSeconds - 5) * 1_000_000_000
    // A server that evicts may drop the heartbeat alone; then the model pointer is still there, unless it was written just now.
    let lostHeartbeat = shouldHaveLived && !heartbeatIsThere && (epoch == nil || modelWrittenSinceHeartbeat)
    // Checked independently of the heartbeat: that one expires when writes are refused for long, and a full server is likely to be
    // emptied by its operator.
    let lostModel = epoch != nil && !modelIsThere
    return lostHeartbeat || lostModel
  }
}
