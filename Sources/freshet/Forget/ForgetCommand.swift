import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet forget`: writes tombstones, waits until the engine, Redis and a snapshot are without the users, and prints a receipt.
struct ForgetCommand {
  let context: CommandContext
  private static let flushMax = Duration.seconds(30)

  init(_ context: CommandContext) { self.context = context }

  private var waits: Bool { !context.options.flag("no-wait") }

  func run() throws -> ExitStatus {
    let users = try ForgottenIds.read(context.parsed.operands, file: context.options.string("file"), usage: context.parsed.command.usage)
    let keys = ["kafka.bootstrap_servers"] + (waits ? ["redis.url", "admin.listen"] : [])
    let configuration = try beforeSending { try context.loadedForRunningEngine(using: keys) }
    var receipt = ErasureReceipt(erasures: users.map { Erasure($0) }, waits: waits, nowMilliseconds: WallClock.milliseconds())
    let records = try tombstones(of: users, configuration)
    let witnesses = try waits ? beforeSending { try look(configuration, &receipt) } : nil
    try send(records, configuration, &receipt)
    if let witnesses { confirm(witnesses, &receipt) }
    receipt.logs = logs(configuration, receipt.erasures)
    context.print(context.json ? receipt.json.text : receipt.text)
    return receipt.isConfirmed ? .done : .failed
  }

  // MARK: Before

  /// Where the state is read from: the engine, and Redis.
  private struct Witnesses {
    let engine: ErasureClient
    let redis: RedisReader
  }

  /// Looks before anything is sent: afterwards nobody knows what was there.
  private func look(_ configuration: RecommenderConfiguration, _ receipt: inout ErasureReceipt) throws -> Witnesses {
    let engine = ErasureClient(AdminClient(configuration, serveLine: context.line("serve")))
    try engine.check(configuration)
    let redis = try context.reader(configuration)
    receipt.modelEpoch = try engine.state().modelEpoch
    let held = try engine.held(receipt.erasures.map(\.user))
    for index in receipt.erasures.indices {
      receipt.erasures[index].heldBefore = held[index]
      receipt.erasures[index].keysBefore = try Self.keys(of: receipt.erasures[index].user, redis)
    }
    return Witnesses(engine: engine, redis: redis)
  }

  private func beforeSending<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let failure as CommandFailure where waits {
      throw CommandFailure("\(failure). Nothing was sent; --no-wait only writes the tombstones", status: failure.status)
    }
  }

  private static func keys(of user: String, _ redis: RedisReader) throws -> Erasure.Keys {
    do {
      let presence = try redis.presence(of: Identifier(user))
      return Erasure.Keys(
        names: presence.keys,
        list: presence.list.map { .init(source: TopicPartition(topic: "", partition: $0.partition), offset: $0.offset) },
        imported: redis.keys.userImported(Identifier(user)))
    } catch { throw CommandFailure("Redis cannot be read: \(error)") }
  }

  // MARK: Sending

  private struct Tombstone {
    var user: Int
    var source: TopicPartition
    var key: [UInt8]
  }

  /// One of each user in each topic: what stands before it in that topic is then read before it.
  private func tombstones(of users: [String], _ configuration: RecommenderConfiguration) throws -> [Tombstone] {
    let keys = try users.map { try TombstoneKey(user: $0, configuration.input) }
    do {
      let administration = try TopicAdministration(kafka: configuration.kafka)
      return try configuration.input.topics.flatMap { topic -> [Tombstone] in
        guard let count = try administration.partitionCount(topic) else {
          throw CommandFailure("there is no topic \(topic): name the engine's with --topic")
        }
        return keys.enumerated().map { user, key in
          Tombstone(user: user, source: TopicPartition(topic: topic, partition: key.partition(of: count)), key: key.bytes)
        }
      }
    } catch let error as KafkaError { throw CommandFailure("\(error)") }
  }

  private func send(_ records: [Tombstone], _ configuration: RecommenderConfiguration, _ receipt: inout ErasureReceipt) throws {
    let sent: Sent
    do { sent = try deliver(records, configuration.kafka) } catch { throw CommandFailure("\(error)") }
    for (index, record) in records.enumerated() {
      if let delivery = sent.deliveries[UInt64(index)], delivery.error == nil {
        receipt.erasures[record.user].tombstones.append(.init(source: record.source, offset: delivery.offset))
      } else {
        receipt.erasures[record.user].problem = sent.deliveries[UInt64(index)]?.error.map { "\($0)" } ?? sent.silence
      }
    }
  }

  /// What became of records by their place.
  private final class Sent {
    var deliveries: [UInt64: KafkaEventProducer.Delivery] = [:]
    /// Why there is no answer for those that are not in `deliveries`.
    var silence = "the broker did not answer in time"
  }

  private func deliver(_ records: [Tombstone], _ kafka: RecommenderConfiguration.Kafka) throws -> Sent {
    let sent = Sent()
    let producer = try KafkaEventProducer(kafka: kafka, pace: .paced, onDelivery: { sent.deliveries[$0.index] = $0 })
    for (index, record) in records.enumerated() {
      try producer.produce(
        topic: record.source.topic, key: record.key, value: nil, timestampMilliseconds: WallClock.milliseconds(),
        partition: record.source.partition, index: UInt64(index))
    }
    _ = producer.flush(timeout: Self.flushMax)
    sent.silence = producer.lastProblem ?? sent.silence
    return sent
  }

  // MARK: Confirming

  /// Asks until everything is confirmed or the time is over. An engine that restarts meanwhile is asked again.
  private func confirm(_ witnesses: Witnesses, _ receipt: inout ErasureReceipt) {
    let deadline = MonotonicClock.nanoseconds() + UInt64((context.options.double("timeout") ?? 60) * 1e9)
    var progress = context.progress("users confirmed", total: receipt.erasures.count)
    var lastProblem: (any Error)?
    var snapshotRequestedAt: UInt64?
    while true {
      do {
        try ask(witnesses, &receipt)
        let open = receipt.erasures.count { $0.problem == nil && !$0.missing(receipt.positions).isEmpty }
        progress.update(receipt.erasures.count - open)
        lastProblem = nil
        if open == 0 {
          guard receipt.erasures.contains(where: { $0.problem == nil && !$0.isInSnapshot(receipt.positions) }) else { break }
          // One that is being written may have been frozen before the tombstones; then another one is asked for a moment later.
          let now = MonotonicClock.nanoseconds()
          if snapshotRequestedAt.map({ now - $0 > 1_000_000_000 }) ?? true {
            try witnesses.engine.requestSnapshot()
            snapshotRequestedAt = now
          }
        }
      } catch { lastProblem = error }
      guard MonotonicClock.nanoseconds() < deadline else { break }
      usleep(100_000)
    }
    progress.finish(receipt.erasures.count { $0.problem == nil && $0.missing(receipt.positions).isEmpty })
    if let lastProblem { context.note("the engine or Redis could not be asked at the end: \(lastProblem)") }
  }

  private func ask(_ witnesses: Witnesses, _ receipt: inout ErasureReceipt) throws {
    let state = try witnesses.engine.state()
    receipt.positions = state.positions
    receipt.snapshots = state.snapshots
    let due = receipt.erasures.indices.filter {
      receipt.erasures[$0].isApplied(receipt.positions) && !receipt.erasures[$0].missing(receipt.positions).isEmpty
    }
    guard !due.isEmpty else { return }
    let held = try witnesses.engine.held(due.map { receipt.erasures[$0].user })
    for (index, held) in zip(due, held) {
      receipt.erasures[index].held = held
      guard held.removal == "confirmed" else { continue }
      receipt.erasures[index].keys = try Self.keys(of: receipt.erasures[index].user, witnesses.redis)
    }
  }

  // MARK: What remains

  private func logs(_ configuration: RecommenderConfiguration, _ erasures: [Erasure]) -> [ErasureReceipt.Log] {
    let isEmbedded = context.isEngineEmbedded
    let inspection = try? ClusterInspection(configuration.kafka)
    func retention(_ topic: String) -> ErasureReceipt.Retention? {
      isEmbedded ? .process : inspection.flatMap { ErasureReceipt.Retention($0.settings(of: topic)) }
    }
    return configuration.input.topics.map { topic in
      var log = ErasureReceipt.Log(
        topic: topic, retention: retention(topic), deadLetters: configuration.kafka.deadLetterTopic(of: topic))
      log.deadLetterRetention = retention(log.deadLetters)
      for tombstone in erasures.flatMap(\.tombstones) where tombstone.source.topic == topic {
        let partition = tombstone.source.partition
        let known = log.ranges[partition]
        let first = known?.lowerBound ?? inspection?.ends(of: tombstone.source)?.first ?? 0
        log.ranges[partition] = min(first, tombstone.offset)...max(known?.upperBound ?? 0, tombstone.offset)
      }
      return log
    }
  }
}

/// The ids to forget, from operands and a file.
enum ForgottenIds {
  static let countMax = 10_000
  private static let fileBytesMax = 64 << 20
  private static let idBytesMax = 256

  static func read(_ operands: [String], file: String?, usage: String) throws -> [String] {
    var ids = operands
    if let file { ids += try lines(of: file) }
    guard !ids.isEmpty else { throw UsageError("forget needs a USER, or --file FILE with one id a line", usage: usage) }
    // Compared by bytes: two spellings of an accent are two users.
    var seen: Set<Identifier> = []
    ids = ids.filter { seen.insert(Identifier($0)).inserted }
    for id in ids where id.isEmpty || id.utf8.count > idBytesMax || id.utf8.contains(0) {
      throw UsageError(
        "\(TerminalText.escaped(String(id.prefix(80)))) is not the id of a user: 1 to \(idBytesMax) bytes without a zero byte", usage: usage
      )
    }
    guard ids.count <= countMax else {
      throw CommandFailure("\(ids.count) users are too many at a time: give at most \(countMax), and repeat the command for the others")
    }
    return ids
  }

  private static func lines(of file: String) throws -> [String] {
    let data: Data
    if file == "-" {
      data = FileHandle.standardInput.readDataToEndOfFile()
    } else {
      guard let found = FileManager.default.contents(atPath: file) else { throw CommandFailure("\(file) cannot be read") }
      data = found
    }
    guard data.count <= fileBytesMax else { throw CommandFailure("\(file) is too large for a list of at most \(countMax) ids") }
    guard var text = String(data: data, encoding: .utf8) else { throw CommandFailure("\(file) is not UTF-8 text with one id a line") }
    if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
    return text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r")) }.filter {
      !$0.isEmpty
    }
  }
}
