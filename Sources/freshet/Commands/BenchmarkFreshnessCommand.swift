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
    let servers = try BenchmarkServers(&configuration, loaded, directory: directory, log: log)
    defer { servers.stop() }
    let (isEmbedded, pace) = (servers.isEmbedded, servers.pace)

    context.note("floor: \(Int(rate)) events a second through broker and Redis, no model")
    let floor = try measureFloor(configuration, pace, isEmbedded, rate, min(seconds, 15), data, log)
    context.note("engine: training a model first, then \(Int(rate)) events a second for \(Int(seconds)) s")
    let engine = try BenchmarkEngine(configuration, data, isEmbedded: isEmbedded, log: log, note: context.note)
    let plain = try engine.measure(rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, pace: pace)
    var retraining: RetrainingFigures?
    if context.options.flag("during-retrain") {
      context.note("the same while retrains run")
      retraining = try engine.measureRetraining(rate: rate, seconds: seconds, warmUp: Self.warmUpSeconds, pace: pace)
    }
    engine.stop()
    show(plain, floor, retraining, rate, pace)
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
