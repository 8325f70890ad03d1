import Pipeline
import StreamingRecommender
import Telemetry

// Pipelines to the server, replies back into the queue.
extension PublishWorker {
  typealias Entry = PublishQueue<EncodedCommand>.Entry

  func sendQueue(_ connection: RedisConnection) throws {
    let batch = state.withLock { $0.queue.nextPipeline(repliesMax: pipeline) }
    guard let first = batch.first else { return }
    do {
      if let command = first.command, let key = command.requiredKey {
        try sendPointer(command, provedBy: key, first, connection)
      } else {
        try sendPipeline(batch, connection)
      }
    } catch {
      proof.pipelineFailed()
      throw error
    }
  }

  private func sendPipeline(_ batch: [Entry], _ connection: RedisConnection) throws {
    var outgoing: [UInt8] = []
    outgoing.reserveCapacity(batch.reduce(128) { $0 + ($1.command?.bytes.count ?? 0) })
    for entry in batch { outgoing += entry.command?.bytes ?? [] }
    outgoing += encoder.encode(proof.marker(completing: batch.lastTicket()))

    var times: [UInt64] = []
    times.reserveCapacity(batch.count)
    defer { acknowledge(batch, times) }
    try connection.send(outgoing)
    var refusal: RedisError?
    for entry in batch {
      for _ in 0..<(entry.command?.replies ?? 0) {
        if let error = try connection.nextError(), refusal == nil {
          refusal = RedisError(error.kind, "\(error.message) to a command that writes \(entry.command?.kind.rawValue ?? "")")
        }
      }
      // After the first refusal the rest stays queued too, whatever its replies: order is kept.
      if refusal == nil { times.append(MonotonicClock.nanoseconds()) }
    }
    if let error = try connection.nextError(), refusal == nil { refusal = error }
    try connection.expectNoMore()
    if let refusal { throw refusal }
  }

  // MARK: The pointer

  /// Writes the pointer in a transaction that fails if `key` changes after it said that the item vectors are complete.
  private func sendPointer(_ command: EncodedCommand, provedBy key: String, _ entry: Entry, _ connection: RedisConnection) throws {
    try connection.command(["WATCH", key])
    let isComplete = try connection.command(["GET", key]).text.flatMap { Int($0) } != nil
    let isWritten = try isComplete && commitPointer(command, entry, connection)
    if !isWritten { try skipPointer(entry, connection) }
    // The event comes first: whoever sees the acknowledgement must know that the pointer is not there.
    if !isWritten {
      reportEmptied("the item vectors of epoch \(command.modelEpoch ?? 0) cannot be proved to be complete, so its pointer was not written")
    }
    acknowledge([entry], [MonotonicClock.nanoseconds()], isWritten: isWritten)
  }

  /// False when the transaction was aborted because the proof changed.
  private func commitPointer(_ command: EncodedCommand, _ entry: Entry, _ connection: RedisConnection) throws -> Bool {
    try connection.send(command.bytes + encoder.encode(proof.marker(completing: entry.ticket)))
    let replies = try (0..<command.replies + 1).map { _ in try connection.nextReply() }
    try connection.expectNoMore()
    var results = replies
    if case .array(let inner) = replies[command.replies - 1] { results += inner }
    for case .error(let text) in results {
      let error = RedisError(reply: text)
      throw RedisError(error.kind, "\(error.message) to a command that writes \(command.kind.rawValue)")
    }
    return replies[command.replies - 1] != .null
  }

  private func skipPointer(_ entry: Entry, _ connection: RedisConnection) throws {
    var writer = RESPWriter()
    writer.append(["UNWATCH"])
    try connection.send(writer.bytes + encoder.encode(proof.marker(completing: entry.ticket)))
    let errors = try (0..<2).map { _ in try connection.nextError() }
    try connection.expectNoMore()
    for case let error? in errors { throw error }
  }

  // MARK: Acknowledging

  /// The first `times.count` entries of `batch` are done.
  private func acknowledge(_ batch: [Entry], _ times: [UInt64], isWritten: Bool = true) {
    guard !times.isEmpty else { return }
    failures = 0
    let done = batch.prefix(times.count)
    if let ticket = done.lastTicket() { proof.acknowledge(ticket) }
    if isWritten { for case let command? in done.map(\.command) { note(command) } }
    state.withLock { shared in
      shared.queue.acknowledge(times.count)
      for (entry, time) in zip(done, times) {
        if let ticket = entry.ticket { shared.acknowledgements.append(.init(ticket: ticket, atNanoseconds: time)) }
        if isWritten, let command = entry.command { shared.count(command) }
      }
    }
    if let onAcknowledged {
      for (entry, time) in zip(done, times) {
        guard var user = entry.command?.user else { continue }
        user.atNanoseconds = time
        onAcknowledged(user)
      }
    }
    progress()
  }

  private func note(_ command: EncodedCommand) {
    if let begun = command.begunEpoch { begunEpochs.insert(begun) }
    guard let written = command.modelEpoch else { return }
    epoch = written
    modelWrittenSinceHeartbeat = true
    // Older epochs are not begun again without a new `itemsBegin`.
    begunEpochs = begunEpochs.filter { $0 >= written }
  }
}

extension PublisherState.Shared {
  mutating func count(_ command: EncodedCommand) {
    guard command.replies > 0 else { return }
    published[command.kind, default: 0] += 1
    publishedBytes[command.kind, default: 0] += command.bytes.count - command.vectorBytes - command.rowBytes
    for (kind, bytes) in [(PublishedKind.vec, command.vectorBytes), (.row, command.rowBytes)] where bytes > 0 {
      published[kind, default: 0] += 1
      publishedBytes[kind, default: 0] += bytes
    }
  }
}
