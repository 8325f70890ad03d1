import Evaluation
import Foundation
import KafkaIngest
import StreamingRecommender
import Telemetry

/// `freshet benchmark serve`: answers of a gateway beside an engine that takes events, both on this machine.
///
/// The gateway is a process of its own, so that its processor time can be told from the engine's and the load's.
struct BenchmarkServeCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private static let categories = 20

  /// The figures of one kind of request.
  private struct Phase {
    var name: String
    var rate: Double
    var figures: HTTPLoad.Figures
    var cpuMicroseconds: Double
  }

  func run() throws {
    let loaded = try context.loaded()
    var configuration = loaded.configuration
    let seconds = context.options.double("seconds") ?? 10
    let rate = context.options.double("rate") ?? 5000
    let eventRate = context.options.double("events") ?? 2000
    let items = context.options.int("items") ?? 41_000
    let data = EvaluationData(generatedFor: context.options.int("users") ?? 20_000, items: items, seed: configuration.model.seed)
    let log = Telemetry.Log(component: "benchmark", sink: StandardErrorSink(minimumLevel: .error), level: .debug)
    let temporary = try TemporaryDirectory("benchmark")
    defer { withExtendedLifetime(temporary) {} }
    configuration.instance.dataDirectory = temporary.path
    configuration.snapshot.directory = temporary.path + "/snapshots"
    configuration.retrain.everyEvents = .max
    configuration.admin.listen = ""
    configuration.redis.namespace = "benchmark-\(getpid())"
    configuration.publish.rows = true
    configuration.items.topic = "benchmark-\(getpid())-items"
    configuration.items.prior = false
    let servers = try BenchmarkServers(&configuration, loaded, directory: temporary.path, log: log)
    defer { servers.stop() }
    try produceDocuments(data, configuration)
    context.note("training a model of \(items) items first")
    let engine = try BenchmarkEngine(configuration, data, isEmbedded: servers.isEmbedded, log: log, note: context.note)
    defer { engine.stop() }
    let gateway = try GatewayChild(configuration, isEmbedded: servers.isEmbedded)
    defer { gateway.stop() }

    let users = Set(data.interactions.map(\.user)).sorted { $0.lexicographicallyPrecedes($1) }
    let paths = Paths(users: users.map { String(decoding: $0, as: UTF8.self) }, items: items)
    let kinds: [(name: String, rate: Double, request: (Int) -> [UInt8])] = [
      ("floor", rate, { _ in Paths.get("/livez") }), ("list", rate, { paths.list($0) }),
      ("floor at the rate of filters", 0.4 * rate, { _ in Paths.get("/livez") }), ("filtered", 0.4 * rate, { paths.filtered($0) }),
      ("events", rate, { paths.event($0) }),
    ]
    context.note(
      "\(Int(eventRate)) events a second into the engine, and \(Int(rate)) requests a second to the gateway, for \(Int(seconds)) s each")
    let background = Background(engine, rate: eventRate, seconds: Double(kinds.count) * (seconds + 2.5), pace: servers.pace)
    var phases: [Phase] = []
    for kind in kinds {
      let load = try HTTPLoad(port: gateway.port)
      let before = gateway.cpuSeconds
      let figures = try load.run(rate: kind.rate, seconds: seconds, request: kind.request)
      let cpu = (gateway.cpuSeconds - before) / Double(max(1, figures.times.events)) * 1e6 * seconds / (seconds + 1)
      phases.append(Phase(name: kind.name, rate: kind.rate, figures: figures, cpuMicroseconds: cpu))
    }
    show(phases, try background.figures(), items: items)
  }

  private func produceDocuments(_ data: EvaluationData, _ configuration: RecommenderConfiguration) throws {
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: .bulk)
    for (index, item) in Set(data.interactions.map(\.item)).enumerated() {
      let document: JSONValue = [
        "item_id": .string(String(decoding: item, as: UTF8.self)), "title": .string("Item \(index)"),
        "categories": [.string("c\(index % Self.categories)")], "properties": ["price": .integer(index % 100)],
      ]
      try producer.produce(topic: configuration.items.topic, key: item, value: document.bytes)
    }
    guard producer.flush(timeout: .seconds(60)) else { throw CommandFailure("the documents of the items could not be produced in time") }
  }

  /// Requests, made before they are due.
  private struct Paths {
    let users: [String]
    let items: Int

    static func get(_ path: String) -> [UInt8] { Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8) }

    private func user(_ index: Int) -> String { users[index &* 7_919 % users.count] }
    func list(_ index: Int) -> [UInt8] { Self.get("/v1/recommend/\(user(index))?n=20") }
    func filtered(_ index: Int) -> [UInt8] {
      Self.get("/v1/recommend/\(user(index))?n=20&category=c\(index % BenchmarkServeCommand.categories)")
    }
    func event(_ index: Int) -> [UInt8] {
      let body = #"{"user_id":"\#(user(index))","item_id":"i\#(index % items)","event_type":"interaction"}"#
      return Array(
        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
          .utf8)
    }
  }

  /// Events into the engine on a thread of their own.
  private final class Background: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    /// Written by the thread before `done`.
    private var result: Result<FreshnessFigures, any Error>?

    init(_ engine: BenchmarkEngine, rate: Double, seconds: Double, pace: KafkaProperties.Pace) {
      struct Unchecked: @unchecked Sendable { let engine: BenchmarkEngine }
      let run = Unchecked(engine: engine)
      Thread.detachNewThread { [self] in
        result = Result { try run.engine.measure(rate: rate, seconds: seconds, warmUp: 1, pace: pace) }
        done.signal()
      }
    }

    func figures() throws -> FreshnessFigures {
      done.wait()
      return try result!.get()
    }
  }

  private func show(_ phases: [Phase], _ freshness: FreshnessFigures, items: Int) {
    if context.json {
      func phase(_ name: String) -> Phase { phases.first { $0.name == name }! }
      let (floor, list, filtered, events) = (phase("floor"), phase("list"), phase("filtered"), phase("events"))
      context.print(
        ([
          "items": .integer(items), "rate": .number(list.rate), "requests_per_second": .number(list.figures.times.achievedRate),
          "p50_ms": .number(list.figures.times.p50), "p99_ms": .number(list.figures.times.p99),
          "floor_p99_ms": .number(floor.figures.times.p99),
          "cpu_microseconds": .number(list.cpuMicroseconds), "floor_cpu_microseconds": .number(floor.cpuMicroseconds),
          "filtered_rate": .number(filtered.rate), "filtered_p50_ms": .number(filtered.figures.times.p50),
          "filtered_p99_ms": .number(filtered.figures.times.p99),
          "filtered_floor_p99_ms": .number(phase("floor at the rate of filters").figures.times.p99),
          "filtered_cpu_microseconds": .number(filtered.cpuMicroseconds), "events_per_second": .number(events.figures.times.achievedRate),
          "events_p50_ms": .number(events.figures.times.p50), "events_p99_ms": .number(events.figures.times.p99),
          "errors": .integer(phases.reduce(0) { $0 + $1.figures.errors }), "freshness_p99_ms": .number(freshness.p99),
          "lost": .integer(freshness.lost),
        ] as JSONValue).text)
    } else {
      var table = TextTable(
        [.left, .right, .right, .right, .right, .right, .right, .right],
        header: ["due time to answer, ms", "a second", "answered", "errors", "p50", "p99", "p99.9", "cpu us"])
      for phase in phases {
        let figures = phase.figures
        table.add(
          [phase.name, "\(Int(phase.rate))", "\(figures.times.events)", "\(figures.errors)"]
            + [figures.times.p50, figures.times.p99, figures.times.p999].map { ListText.fixed($0, 2) } + [
              ListText.fixed(phase.cpuMicroseconds, 0)
            ])
      }
      context.print(table.description)
      context.note("event to list meanwhile: p99 \(ListText.fixed(freshness.p99, 1)) ms, \(freshness.lost) lost")
    }
    if let error = phases.compactMap(\.figures.firstError).first { context.note("the first error: \(error)") }
  }
}
