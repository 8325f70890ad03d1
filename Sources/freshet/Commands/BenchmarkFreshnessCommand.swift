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
  /// A list takes time in proportion to the items, so more of them would measure the throughput of two cores and not what retrains cost.
  private static let itemsMax = 28_000

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let loaded = try context.loaded()
    var configuration = loaded.configuration
    let rate = context.options.double("rate") ?? 1000
    let seconds = context.options.double("seconds") ?? 10
    let data =
      try context.options.int("users").map { users in
        let items = context.options.int("items") ?? min(max(100, users / 7), Self.itemsMax)
        return EvaluationData(generatedFor: users, items: items, seed: configuration.model.seed)
      }
      ?? ShippedData.events(path: context.options.string("data"))
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
    var retraining: RetrainingFigures?
    if context.options.flag("during-retrain") {
      context.note("the same while retrains run")
      retraining = try engine.measureRetraining(rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, pace: pace)
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
      configuration, pace: pace, rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, acknowledgements: relay.acknowledgements
    ).figures
  }

  private func show(
    _ plain: FreshnessFigures, _ floor: FreshnessFigures, _ retraining: RetrainingFigures?, _ rate: Double, _ pace: KafkaProperties.Pace
  ) {
    if context.json {
      var output: JSONValue = [
        "rate": .number(rate), "events": .integer(plain.events), "p50_ms": .number(plain.p50), "p90_ms": .number(plain.p90),
        "p99_ms": .number(plain.p99), "p999_ms": .number(plain.p999), "max_ms": .number(plain.max), "floor_p50_ms": .number(floor.p50),
        "floor_p99_ms": .number(floor.p99), "lost": .integer(plain.lost), "floor_lost": .integer(floor.lost),
        "achieved_rate": .number(plain.achievedRate), "producer": .string("\(pace)"),
      ]
      if let retraining {
        output["during_retrain_p50_ms"] = .number(retraining.all.p50)
        output["during_retrain_p99_ms"] = .number(retraining.all.p99)
        output["during_retrain_max_ms"] = .number(retraining.all.max)
        output["during_retrain_lost"] = .integer(retraining.all.lost)
        for (name, figures) in [("training", retraining.training), ("rollout", retraining.rollout)] {
          output[name + "_events"] = .integer(figures.events)
          output[name + "_p50_ms"] = .number(figures.p50)
          output[name + "_p99_ms"] = .number(figures.p99)
          output[name + "_max_ms"] = .number(figures.max)
        }
        output["retrains"] = .integer(retraining.retrains)
      }
      context.print(output.text)
      return
    }
    var table = TextTable(
      [.left, .right, .right, .right, .right, .right, .right, .right],
      header: ["due time to Redis reply, ms", "events", "p50", "p90", "p99", "p99.9", "max", "lost"])
    let phases =
      retraining.map { [("freshet, retraining", $0.all), ("- while it trains", $0.training), ("- while it rolls out", $0.rollout)] } ?? []
    for (name, figures) in [("floor (no model)", floor), ("freshet", plain)] + phases {
      table.add(
        [name, "\(figures.events)"] + [figures.p50, figures.p90, figures.p99, figures.p999, figures.max].map { ListText.fixed($0, 1) }
          + ["\(figures.lost)"])
    }
    context.print(table.description)
    context.note("producer settings: \(pace); the first \(Int(Self.warmUpSeconds)) s are left out")
  }
}

/// The figures of a measurement during which one retrain followed the other.
struct RetrainingFigures {
  var all: FreshnessFigures
  /// From the freeze to the durable snapshot.
  var training: FreshnessFigures
  /// From the first item vector to the removal of old ones.
  var rollout: FreshnessFigures
  var retrains: Int
}

/// When the engine was in which phase of a retrain.
private final class RetrainPhases: Sendable {
  enum Phase: Sendable { case none, training, rollout }

  private let changes = Mutex<[(at: UInt64, phase: Phase)]>([])

  func note(_ phase: Phase, at now: UInt64) {
    changes.withLock { if $0.last?.phase != phase { $0.append((now, phase)) } }
  }

  func spans(until end: UInt64) -> [Phase: [Range<UInt64>]] {
    changes.withLock { changes in
      let ends = changes.dropFirst().map(\.at) + [end]
      return Dictionary(grouping: zip(changes, ends), by: \.0.phase).mapValues { $0.map { $0.0.at..<max($0.0.at, $0.1) } }
    }
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

  func measure(rate: Double, seconds: Double, warmUp: Double, pace: KafkaProperties.Pace) throws -> FreshnessFigures {
    try load.run(configuration, pace: pace, rate: rate, seconds: seconds, warmUp: warmUp, acknowledgements: acknowledgements).figures
  }

  /// The figures while one retrain follows the other, as a whole and by phase.
  func measureRetraining(rate: Double, seconds: Double, warmUp: Double, pace: KafkaProperties.Pace) throws -> RetrainingFigures {
    let epochBefore = process.status.current.epoch ?? 0
    let stop = StopFlag()
    let phases = RetrainPhases()
    let process = self.process
    Thread.detachNewThread {
      while !stop.isSet {
        phases.note(Self.phase(of: process), at: MonotonicClock.nanoseconds())
        _ = process.requestRetrain()
        usleep(5_000)
      }
    }
    defer { stop.set() }
    let samples = try load.run(
      configuration, pace: pace, rate: rate, seconds: seconds, warmUp: warmUp, acknowledgements: acknowledgements)
    let spans = phases.spans(until: MonotonicClock.nanoseconds())
    return RetrainingFigures(
      all: samples.figures, training: samples.figures(in: spans[.training] ?? []), rollout: samples.figures(in: spans[.rollout] ?? []),
      retrains: Int((process.status.current.epoch ?? 0) - epochBefore))
  }

  private static func phase(of process: EngineProcess) -> RetrainPhases.Phase {
    guard let job = process.jobs.running(.retrain) else { return process.status.current.rollout == nil ? .none : .rollout }
    return ["publish", "lists"].contains(job.phase) ? .rollout : .training
  }

  func stop() { _ = process.stop() }
}
