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
    let file = try InteractionFile(
      path: context.parsed.operands[0], format: context.options.string("format").flatMap(InteractionFile.Format.init(rawValue:)))
    try checkTopic(configuration)
    if let titles { try loadTitles(titles, configuration) }
    let rule = ValueRule(rawValue: context.options.string("value") ?? "") ?? .ignore
    let rate = context.options.double("rate")
    let pace: KafkaProperties.Pace = rate == nil && !context.options.isSet("speedup") ? .bulk : isEmbedded ? .embedded : .paced
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: pace)
    var schedule = Schedule(rate: rate, speedup: context.options.double("speedup"))
    var progress = context.progress("events", total: nil)
    var sent = 0
    var skipped = 0
    let began = MonotonicClock.nanoseconds()
    var damage: DatasetError?
    func next() -> InteractionFile.Row? {
      do throws(DatasetError) { return try file.next() } catch {
        damage = error
        return nil
      }
    }
    while let row = next() {
      guard let event = Event(row, rule) else {
        skipped += 1
        continue
      }
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
    if skipped > 0 { context.note("\(skipped) JSON lines are no events of this schema and were left out") }
    guard producer.failed == 0, isFlushed else {
      throw CommandFailure(
        "\(producer.delivered) of \(sent) events were delivered: \(producer.firstFailure.map { "\($0)" } ?? producer.lastProblem ?? "the broker did not answer in time")"
      )
    }
    if let damage { throw CommandFailure("\(damage). The \(producer.delivered) events before that were delivered") }
    if context.json {
      context.print(
        (["events": .integer(sent), "bad_lines": .integer(file.report.badLines + skipped), "seconds": .number(seconds)] as JSONValue).text)
    } else {
      context.print("\(ProgressBar.count(sent)) events into \(configuration.input.topics[0]) in \(ProgressBar.clock(seconds))")
    }
  }

  private var isEmbedded: Bool {
    guard let loaded = try? context.loaded() else { return false }
    return (try? Endpoints.find(dataDirectory: loaded.configuration.instance.dataDirectory))?.isEmbedded ?? false
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
    let byName = Dictionary(uniqueKeysWithValues: titles.entries.map { (Identifier($0.key), $0.value.title) })
    try context.reader(configuration).setTitles(byName)
    context.note("\(titles.count) titles loaded")
  }

  /// A row as a record for the topic.
  private struct Event {
    var key: [UInt8]?
    var value: [UInt8]
    var timeMilliseconds: Int64?

    init?(_ row: InteractionFile.Row, _ rule: ValueRule) {
      switch row {
      case .columns(let columns):
        key = columns.user
        timeMilliseconds = columns.timeMilliseconds
        value = InteractionEncoder.encode(
          user: columns.user, item: columns.item, operation: rule.operation,
          value: rule == .ignore ? nil : rule.strength(columns.value), timeMilliseconds: columns.timeMilliseconds)
      case .event(let bytes):
        // Decoded only for its key and time; the bytes are sent unchanged, whether or not the engine will accept them.
        let record = Record(
          offset: 0, timestampMilliseconds: nil, key: nil, value: bytes)
        guard
          case .interaction(let event, _, _) = InteractionDecoder(RecommenderConfiguration.Input())
            .decode(record, fallbackMilliseconds: WallClock.milliseconds())
        else { return nil }
        key = event.user
        timeMilliseconds = event.timeMilliseconds
        value = bytes
      }
    }
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
