import Datasets
import Evaluation
import Foundation
import KafkaIngest
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet produce`: writes a file to the topic, keyed by user, at a fixed rate or at the speed of its timestamps.
struct ProduceCommand {
  let context: CommandContext
  private static let flushMax = Duration.seconds(30)

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let titles = context.options.string("items")
    let configuration = try context.loadedForRunningEngine(using: ["kafka.bootstrap_servers"] + (titles == nil ? [] : ["redis.url"]))
    let rule = context.valueRule
    let rejects = try context.rejects()
    let file = try open(configuration, rule, rejects)
    if file.format != .jsonl { try checkMapping(configuration.input) }
    try checkTopic(configuration)
    if let titles { try loadTitles(titles, configuration) }
    let rate = context.options.double("rate")
    let pace: KafkaProperties.Pace =
      rate == nil && !context.options.isSet("speedup") ? .bulk : context.isEngineEmbedded ? .embedded : .paced
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: pace)
    var schedule = Schedule(rate: rate, speedup: context.options.double("speedup"))
    var progress = context.progress("events", total: nil)
    let events = FileEvents(file, rule, configuration.input)
    var sent = 0
    let began = MonotonicClock.nanoseconds()
    while let event = events.next() {
      schedule.wait(timeMilliseconds: event.timeMilliseconds) { producer.serve(timeout: $0) }
      do {
        try producer.produce(
          topic: configuration.input.topics[0], key: event.key, value: event.value, timestampMilliseconds: WallClock.milliseconds())
      } catch { throw CommandFailure("\(error)") }
      sent += 1
      progress.update(sent)
      if producer.failed > 0 { break }
    }
    let isFlushed = producer.flush(timeout: Self.flushMax)
    progress.finish(sent)
    let seconds = Double(MonotonicClock.nanoseconds() - began) / 1e9
    context.noteBadLines(file.report, of: context.parsed.operands[0])
    if events.ignored > 0 { context.note("\(events.ignored) events were left out: the engine ignores them by their type or kind") }
    try rejects?.flush()
    guard producer.failed == 0, isFlushed else {
      throw CommandFailure(
        "\(producer.delivered) of \(sent) events were delivered: \(producer.firstFailure.map { "\($0)" } ?? producer.lastProblem ?? "the broker did not answer in time")"
      )
    }
    if let damage = events.damage { throw CommandFailure("\(damage). The \(producer.delivered) events before that were delivered") }
    guard sent > 0 else {
      let reason = file.report.badLines == 0 && events.ignored > 0 ? "all \(events.ignored) events are ignored by their type or kind" : nil
      throw CommandFailure("nothing was sent: \(reason ?? context.nothing(in: file).description)")
    }
    if context.json {
      context.print(
        (["events": .integer(sent), "bad_lines": .integer(file.report.badLines), "seconds": .number(seconds)] as JSONValue).text)
    } else {
      context.print(
        "\(ProgressBar.count(sent)) events into \(configuration.input.topics[0]) in \(ProgressBar.clock(seconds))"
          + (file.report.badLines > 0 ? "; \(ProgressBar.count(file.report.badLines)) lines rejected" : ""))
    }
  }

  private func open(_ configuration: RecommenderConfiguration, _ rule: ValueRule, _ rejects: RejectedLines?) throws -> InteractionFile {
    var reading = try context.readingOptions()
    reading.usesValues = rule != .ignore
    reading.isKnownType = EventTypes.isKnown(configuration.input)
    let file = try InteractionFile(path: context.parsed.operands[0], options: reading, rejects: rejects)
    context.say(about: file, valuesAreUsed: reading.usesValues)
    return file
  }

  /// Rows are sent as events of Freshet's own schema, which the engine must read.
  private func checkMapping(_ input: RecommenderConfiguration.Input) throws {
    let value = InteractionEncoder.encode(user: [0x75], item: [0x69], operation: .set, timeMilliseconds: WallClock.milliseconds())
    let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: value)
    if case .failure(let failure) = InteractionDecoder(input).decode(record, fallbackMilliseconds: WallClock.milliseconds()) {
      throw CommandFailure(
        "an engine with this configuration does not read the events that produce makes of columns (\(failure.message)): leave input.preset and input.fields as they are by default for this topic"
      )
    }
  }

  private func checkTopic(_ configuration: RecommenderConfiguration) throws {
    do {
      guard try TopicAdministration(kafka: configuration.kafka).partitionCount(configuration.input.topics[0]) != nil else {
        throw CommandFailure("there is no topic \(configuration.input.topics[0]): create it with \(context.line("topics create"))")
      }
    } catch let error as KafkaError { throw CommandFailure("\(error)") }
  }

  private func loadTitles(_ path: String, _ configuration: RecommenderConfiguration) throws {
    let titles = try ItemTitles(path: path)
    try context.reader(configuration).setTitles(titles.byIdentifier)
    context.note("\(titles.count) titles loaded")
  }
}

/// The rows of a file as records for the topic.
private final class FileEvents {
  struct Event {
    var key: [UInt8]?
    var value: [UInt8]
    var timeMilliseconds: Int64?
  }

  private let file: InteractionFile
  private let rule: ValueRule
  private let decoder: InteractionDecoder
  /// Why the file could not be read to its end.
  private(set) var damage: DatasetError?
  /// The number of JSON events that change nothing in the engine.
  private(set) var ignored = 0

  init(_ file: InteractionFile, _ rule: ValueRule, _ input: RecommenderConfiguration.Input) {
    self.file = file
    self.rule = rule
    decoder = InteractionDecoder(input)
  }

  /// The next event; rows that are none are rejected.
  func next() -> Event? {
    while damage == nil {
      do throws(DatasetError) {
        switch try file.next() {
        case .columns(let columns): return event(columns)
        case .event(let bytes): if let event = event(bytes) { return event }
        case nil: return nil
        }
      } catch { damage = error }
    }
    return nil
  }

  /// An event with a type does what its type does in the engine; without one, a row is a state of its pair, or adds to it.
  private func event(_ columns: InteractionRow) -> Event {
    let operation = columns.operation.map(Interaction.Operation.init) ?? (columns.type == nil ? rule.operation : nil)
    return Event(
      key: columns.user,
      value: InteractionEncoder.encode(
        user: columns.user, item: columns.item, operation: operation, value: rule == .ignore ? nil : rule.strength(columns.value),
        eventType: columns.type.map { String(decoding: $0, as: UTF8.self) }, timeMilliseconds: columns.timeMilliseconds, eventID: columns.id
      ),
      timeMilliseconds: columns.timeMilliseconds)
  }

  /// An event in JSON is decoded for its key and time only and sent unchanged.
  private func event(_ bytes: [UInt8]) -> Event? {
    let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: bytes)
    let decoded = decoder.decode(record, fallbackMilliseconds: WallClock.milliseconds())
    if case .failure(let failure) = decoded {
      file.reject(failure.message, kind: failure.reason.rawValue)
      return nil
    }
    guard let first = decoded.events.first?.interaction else {
      ignored += 1
      return nil
    }
    return Event(key: first.user, value: bytes, timeMilliseconds: first.timeMilliseconds)
  }
}

/// Computes when the next event is due: at a fixed rate, or by the file's timestamps with a speed factor.
struct Schedule {
  private let nanosecondsPerEvent: Double?
  private let speedup: Double?
  private var firstTime: Int64?
  private var count = 0
  private let began = MonotonicClock.nanoseconds()

  init(rate: Double?, speedup: Double?) {
    nanosecondsPerEvent = rate.map { 1e9 / $0 }
    self.speedup = speedup
  }

  /// The monotonic time, in nanoseconds, at which the next event is due; `nil` means now.
  mutating func next(timeMilliseconds: Int64?) -> UInt64? {
    defer { count += 1 }
    if let nanosecondsPerEvent { return began + UInt64(Double(count) * nanosecondsPerEvent) }
    guard let speedup, let time = timeMilliseconds else { return nil }
    let first = firstTime ?? time
    firstTime = first
    return began + UInt64(Double(max(0, time - first)) * 1e6 / speedup)
  }

  /// Waits until the next event is due; `idle` is called with the remaining time and may return earlier.
  mutating func wait(timeMilliseconds: Int64?, idle: (Duration) -> Void) {
    guard let due = next(timeMilliseconds: timeMilliseconds) else { return }
    while true {
      let now = MonotonicClock.nanoseconds()
      guard now < due else { return }
      let left = due - now
      if left > 2_000_000 { idle(.nanoseconds(Int64(left / 2))) } else { usleep(UInt32(left / 1000)) }
    }
  }
}
