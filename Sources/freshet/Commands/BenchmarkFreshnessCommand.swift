import Evaluation
import Foundation
import KafkaIngest
import Pipeline
import RedisPublishing
import StreamingRecommender
import Synchronization
import Telemetry

/// `freshet benchmark freshness`: measures the time from when an event was due to be produced until the reply to the SET of a list that
/// covers it, and in the same run the lower bound: the same path through broker and Redis without a model.
struct BenchmarkFreshnessCommand {
  let context: CommandContext
  private static let warmUpSeconds = 3.0

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let loaded = try context.loaded()
    var configuration = loaded.configuration
    let rate = context.options.double("rate") ?? 1000
    let seconds = context.options.double("seconds") ?? 10
    let data = try ShippedData.events(path: context.options.string("data"))
    let log = Telemetry.Log(component: "benchmark", sink: StandardErrorSink(minimumLevel: .error), level: .debug)
    let temporary = try TemporaryDirectory("benchmark")
    defer { withExtendedLifetime(temporary) {} }
    let directory = temporary.path
    configuration.instance.dataDirectory = directory
    configuration.snapshot.directory = directory + "/snapshots"
    configuration.retrain.everyEvents = .max
    configuration.admin.listen = ""
    configuration.redis.namespace = "benchmark-\(getpid())"
    let isEmbedded: Bool
    if case .default = loaded.origin(of: "kafka.bootstrap_servers") { isEmbedded = true } else { isEmbedded = false }
    let ownRedis: Bool
    if case .default = loaded.origin(of: "redis.url") { ownRedis = true } else { ownRedis = false }
    let servers = try Servers(&configuration, directory: directory, isEmbedded: isEmbedded, ownRedis: ownRedis, log: log)
    defer { servers.stop() }
    let pace: KafkaProperties.Pace = isEmbedded ? .embedded : .paced

    context.note("floor: \(Int(rate)) events a second through broker and Redis, no model")
    let floor = try measureFloor(configuration, pace, isEmbedded, rate, min(seconds, 15), data, log)
    context.note("engine: training a model first, then \(Int(rate)) events a second for \(Int(seconds)) s")
    let engine = try EngineRun(configuration, data, isEmbedded: isEmbedded, log: log, note: context.note)
    let plain = try engine.measure(rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, pace: pace)
    var retraining: FreshnessFigures?
    if context.options.flag("during-retrain") {
      context.note("the same while retrains run")
      retraining = try engine.measure(rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, pace: pace, retrains: true)
    }
    engine.stop()
    show(plain, floor, retraining, rate, pace)
  }

  /// The lower bound uses topics of its own, so that it does not affect the engine's.
  private final class Servers {
    private let embedded: EmbeddedServers?
    private let redis: PrivateServer?

    init(_ configuration: inout RecommenderConfiguration, directory: String, isEmbedded: Bool, ownRedis: Bool, log: Telemetry.Log) throws {
      let run = "benchmark-\(getpid())"
      configuration.input.topics = [run]
      configuration.kafka.groupID = run
      if isEmbedded {
        var both = configuration
        both.input.topics = [run, run + "-floor"]
        embedded = try EmbeddedServers(&both, directory: directory, usesRunningRedis: !ownRedis, log: log)
        both.input.topics = [run]
        configuration = both
        redis = nil
        return
      }
      embedded = nil
      configuration.kafka.groupInstanceID = "none"
      let administration = try TopicAdministration(kafka: configuration.kafka)
      let names = [run, run + ".dlq", run + "-floor"]
      let outcomes = try administration.ensureTopics(names.map { .events($0, partitions: EmbeddedServers.partitions) })
      for (name, outcome) in outcomes { if case .failed(let why) = outcome { throw CommandFailure("\(name): \(why)") } }
      redis = ownRedis ? try PrivateServer(directory: directory) : nil
      if let redis { configuration.redis.url = redis.url }
    }

    func stop() {
      embedded?.stop()
      redis?.stop()
    }
  }

  private func measureFloor(
    _ configuration: RecommenderConfiguration, _ pace: KafkaProperties.Pace, _ isEmbedded: Bool, _ rate: Double, _ seconds: Double,
    _ data: EvaluationData, _ log: Telemetry.Log
  ) throws -> FreshnessFigures {
    var configuration = configuration
    configuration.input.topics = [configuration.input.topics[0] + "-floor"]
    configuration.kafka.groupID += "-floor"
    configuration.redis.namespace += "-floor"
    let relay = try FloorRelay(configuration, log: log)
    defer { relay.stop() }
    return try EventLoad(data.interactions).run(
      configuration, pace: pace, rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, acknowledgements: relay.acknowledgements)
  }

  private func show(
    _ plain: FreshnessFigures, _ floor: FreshnessFigures, _ retraining: FreshnessFigures?, _ rate: Double, _ pace: KafkaProperties.Pace
  ) {
    if context.json {
      var output: JSONValue = [
        "rate": .number(rate), "events": .integer(plain.events), "p50_ms": .number(plain.p50), "p90_ms": .number(plain.p90),
        "p99_ms": .number(plain.p99), "p999_ms": .number(plain.p999), "max_ms": .number(plain.max), "floor_p50_ms": .number(floor.p50),
        "floor_p99_ms": .number(floor.p99), "lost": .integer(plain.lost), "floor_lost": .integer(floor.lost),
        "achieved_rate": .number(plain.achievedRate), "producer": .string("\(pace)"),
      ]
      if let retraining {
        output["during_retrain_p50_ms"] = .number(retraining.p50)
        output["during_retrain_p99_ms"] = .number(retraining.p99)
        output["during_retrain_max_ms"] = .number(retraining.max)
        output["during_retrain_lost"] = .integer(retraining.lost)
        output["retrains"] = .integer(retraining.retrains)
      }
      context.print(output.text)
      return
    }
    var table = TextTable(
      [.left, .right, .right, .right, .right, .right, .right, .right],
      header: ["due time to Redis reply, ms", "events", "p50", "p90", "p99", "p99.9", "max", "lost"])
    for (name, figures) in [("floor (no model)", floor), ("freshet", plain)] + (retraining.map { [("freshet, retraining", $0)] } ?? []) {
      table.add(
        [name, "\(figures.events)"] + [figures.p50, figures.p90, figures.p99, figures.p999, figures.max].map { ListText.fixed($0, 1) }
          + ["\(figures.lost)"])
    }
    context.print(table.description)
    context.note("producer settings: \(pace); the first \(Int(Self.warmUpSeconds)) s are left out")
  }
}

/// Percentiles of one measurement, in milliseconds.
struct FreshnessFigures: Sendable {
  var events = 0
  var lost = 0
  var p50 = 0.0, p90 = 0.0, p99 = 0.0, p999 = 0.0, max = 0.0
  var achievedRate = 0.0
  var retrains = 0

  init(nanoseconds: [UInt64], lost: Int, seconds: Double) {
    let sorted = nanoseconds.sorted()
    func quantile(_ q: Double) -> Double {
      sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * q))]) / 1e6
    }
    events = sorted.count + lost
    self.lost = lost
    (p50, p90, p99, p999) = (quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999))
    max = Double(sorted.last ?? 0) / 1e6
    achievedRate = Double(events) / seconds
  }
}

/// Records when the list of each user was acknowledged; written on the publisher's thread.
final class AcknowledgedLists: Sendable {
  private let lists = Mutex<[Identifier: [(partition: Int32, offset: Int64, at: UInt64)]]>([:])

  func add(_ user: AcknowledgedUser) {
    lists.withLock { $0[user.user, default: []].append((user.partition, user.offset, user.atNanoseconds)) }
  }

  /// Returns when the first list of this user that covers the offset was acknowledged.
  func covered(_ user: Identifier, _ partition: Int32, _ offset: Int64) -> UInt64? {
    lists.withLock { lists in
      lists[user]?.first { $0.partition == partition && $0.offset >= offset }?.at
    }
  }

  func clear() { lists.withLock { $0 = [:] } }
}

/// Produces events at a fixed rate and matches each with the list that covers it.
struct EventLoad {
  private let interactions: [Interaction]

  init(_ interactions: [Interaction]) { self.interactions = interactions }

  func run(
    _ configuration: RecommenderConfiguration, pace: KafkaProperties.Pace, rate: Double, seconds: Double, warmUp: Double,
    acknowledgements: AcknowledgedLists
  ) throws -> FreshnessFigures {
    acknowledgements.clear()
    let count = Int((seconds + warmUp) * rate)
    var due = [UInt64](repeating: 0, count: count)
    var places = [(partition: Int32, offset: Int64)?](repeating: nil, count: count)
    let delivered = Deliveries()
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: pace) { delivery in
      if delivery.error == nil { delivered.all.append((Int(delivery.index), delivery.partition, delivery.offset)) }
    }
    var schedule = Schedule(rate: rate, speedup: nil)
    let now = WallClock.milliseconds()
    for index in 0..<count {
      let event = interactions[index % interactions.count]
      let value = InteractionEncoder.encode(user: event.user, item: event.item, operation: .set, timeMilliseconds: now)
      due[index] = schedule.next(timeMilliseconds: nil) ?? MonotonicClock.nanoseconds()
      while MonotonicClock.nanoseconds() < due[index] {
        let left = due[index] - min(due[index], MonotonicClock.nanoseconds())
        if left > 1_500_000 { producer.serve(timeout: .milliseconds(1)) } else { usleep(UInt32(left / 1000) + 1) }
      }
      try producer.produce(
        topic: configuration.input.topics[0], key: event.user, value: value, timestampMilliseconds: WallClock.milliseconds(),
        index: UInt64(index))
    }
    _ = producer.flush(timeout: .seconds(30))
    for delivery in delivered.all { places[delivery.index] = (delivery.partition, delivery.offset) }
    return join(due, places, from: Int(warmUp * rate), acknowledgements, seconds)
  }

  private func join(
    _ due: [UInt64], _ places: [(partition: Int32, offset: Int64)?], from first: Int, _ acknowledgements: AcknowledgedLists,
    _ seconds: Double
  ) -> FreshnessFigures {
    var waits: [UInt64] = []
    var lost = 0
    let deadline = MonotonicClock.nanoseconds() + 10_000_000_000
    for index in first..<due.count {
      guard let place = places[index] else {
        lost += 1
        continue
      }
      let user = Identifier(interactions[index % interactions.count].user)
      var at = acknowledgements.covered(user, place.partition, place.offset)
      while at == nil, MonotonicClock.nanoseconds() < deadline {
        usleep(5_000)
        at = acknowledgements.covered(user, place.partition, place.offset)
      }
      if let at { waits.append(at - min(at, due[index])) } else { lost += 1 }
    }
    return FreshnessFigures(nanoseconds: waits, lost: lost, seconds: seconds)
  }

  /// Written by the producer's callback, which is called on this thread.
  private final class Deliveries {
    var all: [(index: Int, partition: Int32, offset: Int64)] = []
  }
}

/// An engine with a trained model, ready to be measured.
private final class EngineRun {
  private let configuration: RecommenderConfiguration
  private let process: EngineProcess
  private let acknowledgements = AcknowledgedLists()
  private let load: EventLoad

  init(_ configuration: RecommenderConfiguration, _ data: EvaluationData, isEmbedded: Bool, log: Telemetry.Log, note: (String) -> Void)
    throws
  {
    self.configuration = configuration
    let split = data.interactions.count * 4 / 5
    load = EventLoad(Array(data.interactions[split...]))
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: .bulk)
    for event in data.interactions[0..<split] {
      let value = InteractionEncoder.encode(
        user: event.user, item: event.item, operation: .set, timeMilliseconds: event.timeMilliseconds)
      try producer.produce(
        topic: configuration.input.topics[0], key: event.user, value: value, timestampMilliseconds: WallClock.milliseconds())
    }
    guard producer.flush(timeout: .seconds(60)), producer.failed == 0 else {
      throw CommandFailure("the events could not be produced: \(producer.firstFailure.map { "\($0)" } ?? "no answer in time")")
    }
    let acknowledgements = self.acknowledgements
    var options = EngineProcess.Options()
    options.membership = isEmbedded ? .direct : .group
    options.onAcknowledged = { acknowledgements.add($0) }
    process = try EngineProcess(configuration, options: options, log: log)
    process.start()
    guard process.wait(atMost: .seconds(300), until: { $0.visibleEpoch != nil && $0.rollout == nil && $0.lagRecords == 0 }) else {
      throw CommandFailure(
        "the first model did not appear: \(process.status.current.source.problem ?? process.status.current.publisher.problem ?? "no reason known")"
      )
    }
  }

  func measure(rate: Double, seconds: Double, warmUp: Double, pace: KafkaProperties.Pace, retrains: Bool = false) throws -> FreshnessFigures
  {
    let epochBefore = process.status.current.epoch ?? 0
    let stop = StopFlag()
    let process = self.process
    if retrains {
      Thread.detachNewThread {
        while !stop.isSet {
          _ = process.requestRetrain()
          usleep(20_000)
        }
      }
    }
    defer { stop.set() }
    var figures = try load.run(
      configuration, pace: pace, rate: rate, seconds: seconds, warmUp: warmUp, acknowledgements: acknowledgements)
    figures.retrains = Int((process.status.current.epoch ?? 0) - epochBefore)
    return figures
  }

  func stop() { _ = process.stop() }
}

/// A flag that is set once to stop a thread.
private final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// Measures the lower bound: relays records from the broker to Redis without a model, one SET of a typical list per record.
///
/// Sendable because its source and publisher belong to its thread from `init` to the end of `stop`.
private final class FloorRelay: @unchecked Sendable {
  let acknowledgements = AcknowledgedLists()
  private let source: KafkaRecordSource
  private let publisher: RedisRecommendationPublisher
  private let flag = StopFlag()
  private let ended = DispatchSemaphore(value: 0)

  init(_ configuration: RecommenderConfiguration, log: Telemetry.Log) throws {
    let acknowledgements = self.acknowledgements
    source = try KafkaRecordSource(configuration: configuration, membership: .direct, log: log)
    let wake = source.waker
    publisher = try RedisRecommendationPublisher(
      redis: configuration.redis, publish: configuration.publish, instance: "floor", log: log,
      onAcknowledged: { acknowledgements.add($0) }, onProgress: wake)
    let items = (0..<20).map { RecommendedItem(item: "item\(10_000 + $0)", score: 1 / Float($0 + 3)) }
    source.start(at: PartitionOffsets())
    let thread = Thread { [self] in
      var ticket: UInt64 = 0
      var waiting: [(partition: Int32, record: Record)] = []
      while !flag.isSet {
        let batch = source.poll(max: 1000, timeout: waiting.isEmpty ? .milliseconds(20) : .milliseconds(1))
        for part in batch.parts { waiting += part.records.map { (part.source.partition, $0) } }
        _ = publisher.acknowledged()
        let taken = waiting.prefix(publisher.room)
        guard !taken.isEmpty else { continue }
        waiting.removeFirst(taken.count)
        ticket += 1
        publisher.submit(taken.map { command($0.partition, $0.record, items) }, ticket: ticket)
      }
      source.close()
      publisher.close()
      ended.signal()
    }
    thread.qualityOfService = .userInteractive
    thread.start()
  }

  private func command(_ partition: Int32, _ record: Record, _ items: [RecommendedItem]) -> PublishCommand {
    .user(
      UserRecommendations(
        user: Identifier(record.key ?? []),
        list: RecommendationList(
          epoch: 1, source: .foldin, partition: partition, offset: record.offset,
          madeAtMilliseconds: WallClock.milliseconds(), items: items),
        factors: nil))
  }

  func stop() {
    flag.set()
    source.wake()
    ended.wait()
  }
}
