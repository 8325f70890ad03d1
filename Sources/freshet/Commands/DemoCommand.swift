import ControlPlane
import Evaluation
import Foundation
import HTTPServing
import KafkaIngest
import Pipeline
import RedisPublishing
import StreamingRecommender
import Telemetry

/// `freshet demo`: runs the whole pipeline on real data with embedded servers.
struct DemoCommand {
  let context: CommandContext
  private static let rate = 2000.0
  private static let listLength = 5

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    var configuration = try context.loaded().configuration
    let data = try ShippedData.events(path: context.options.string("data"))
    let titles = context.options.isSet("data") ? [:] : ShippedData.titles.byIdentifier
    let split = data.interactions.count * 4 / 5
    try checkThatAModelCanBeTrained(data.interactions[..<split], needed: configuration.retrain.firstPairs)
    let temporary = try TemporaryDirectory("demo")
    defer { withExtendedLifetime(temporary) {} }
    let directory = temporary.path
    configuration.instance.dataDirectory = directory
    configuration.snapshot.directory = directory + "/snapshots"
    let log = Telemetry.Log(component: "demo", sink: StandardErrorSink(minimumLevel: .error), level: .debug)
    let servers = try EmbeddedServers(&configuration, directory: directory, usesRunningRedis: false, log: log)
    defer { servers.stop() }
    say("A broker in this process, a private redis-server at \(configuration.redis.url)")
    let reader = try context.reader(configuration)
    if !titles.isEmpty { try reader.setTitles(titles) }

    try produce(Array(data.interactions[0..<split]), configuration, .bulk, rate: nil, label: "into the topic")
    var options = EngineProcess.Options()
    options.membership = .direct
    let process = try EngineProcess(configuration, options: options, log: log)
    let server = try HTTPServer(
      HTTPServerConfiguration(listen: "127.0.0.1:0"),
      router: AdminRoutes.router(backend: EngineBackend(process: process), audit: process.console.auditLog(log)))
    defer { server.stop() }
    configuration.admin.listen = server.address
    process.start()
    defer { _ = process.stop() }
    try waitForModel(process)
    let first = process.status.current
    say(
      "Model 1 from \(ProgressBar.count(first.interactions)) interactions of \(ProgressBar.count(first.users)) customers with \(ProgressBar.count(first.items)) products; everybody's list is in Redis"
    )

    try produce(Array(data.interactions[split...]), configuration, .embedded, rate: Self.rate, label: "streamed")
    // The status is up to 0.2 s old, so a lag of 0 may have been measured in the middle of the stream.
    _ = process.wait(atMost: .seconds(30)) {
      $0.eventsApplied >= data.interactions.count && $0.lagRecords == 0 && $0.waitingUsers == 0
    }
    let streamed = process.status.current
    say(
      "Streamed \(ProgressBar.count(data.interactions.count - split)) events at \(Int(Self.rate)) a second: an event was visible in Redis after \(milliseconds(streamed.freshnessP50Milliseconds)) (p50), \(milliseconds(streamed.freshnessP99Milliseconds)) (p99)"
    )

    let purchase = try showPurchase(data, process, configuration, reader, titles)
    let retrained = try retrain(process)
    finish(process, purchase, streamed, retrained)
    guard context.options.flag("keep") else { return }
    keep(configuration, temporary)
  }

  /// Checks that there are enough interactions: an engine waits for more, but a file has no more.
  private func checkThatAModelCanBeTrained(_ events: ArraySlice<Interaction>, needed: Int) throws {
    var pairs: Set<[[UInt8]]> = []
    for event in events where pairs.count < needed { pairs.insert([event.user, event.item]) }
    guard pairs.count < needed else { return }
    throw CommandFailure(
      "the first 80 % of the events hold \(pairs.count) pairs of user and item, too few to train on: a model needs \(needed)"
    )
  }

  private func say(_ text: String) { if !context.json { context.print(text) } }
  private func milliseconds(_ value: Double?) -> String { value.map { "\(ListText.fixed($0, 1)) ms" } ?? "?" }

  private func produce(
    _ events: [Interaction], _ configuration: RecommenderConfiguration, _ pace: KafkaProperties.Pace, rate: Double?, label: String
  ) throws {
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: pace)
    var schedule = Schedule(rate: rate, speedup: nil)
    var progress = context.progress(label, total: events.count)
    for (index, event) in events.enumerated() {
      schedule.wait(timeMilliseconds: nil) { producer.serve(timeout: $0) }
      try producer.produce(
        topic: configuration.input.topics[0], key: event.user,
        value: InteractionEncoder.encode(user: event.user, item: event.item, operation: .set, timeMilliseconds: event.timeMilliseconds),
        timestampMilliseconds: WallClock.milliseconds())
      progress.update(index + 1)
    }
    guard producer.flush(timeout: .seconds(60)), producer.failed == 0 else {
      throw CommandFailure("the events could not be produced: \(producer.firstFailure.map { "\($0)" } ?? "no answer in time")")
    }
    progress.finish(events.count)
  }

  private func waitForModel(_ process: EngineProcess) throws {
    var progress = context.progress("first model", total: 100, unit: .percent)
    let isThere = process.wait(atMost: .seconds(180)) { status in
      progress.update(Int(status.retrainRatio * 100))
      return status.visibleEpoch != nil && status.rollout == nil && status.lagRecords == 0
    }
    progress.finish(100)
    guard isThere else {
      let status = process.status.current
      throw CommandFailure("no model appeared: \(status.source.problem ?? status.publisher.problem ?? "the training did not finish")")
    }
  }

  private struct Purchase {
    var before: [RecommendedItem]
    var after: [RecommendedItem]
  }

  /// Shows a customer's list, a purchase of one of its items, and the list after it.
  private func showPurchase(
    _ data: EvaluationData, _ process: EngineProcess, _ configuration: RecommenderConfiguration, _ reader: RedisReader,
    _ titles: [Identifier: String]
  ) throws -> Purchase {
    let customer = data.interactions[data.interactions.count - 1].user
    let name = String(decoding: customer, as: UTF8.self)
    guard let before = try reader.list(user: Identifier(customer))?.list, let bought = before.items.first else {
      throw CommandFailure("customer \(name) has no list")
    }
    let newest = data.interactions[data.interactions.count - 1].timeMilliseconds
    let producer = try KafkaEventProducer(kafka: configuration.kafka, pace: .embedded)
    let began = MonotonicClock.nanoseconds()
    try producer.produce(
      topic: configuration.input.topics[0], key: customer,
      value: InteractionEncoder.encode(user: customer, item: bought.item.bytes, timeMilliseconds: newest + 60_000),
      timestampMilliseconds: WallClock.milliseconds())
    guard producer.flush(timeout: .seconds(10)) else { throw CommandFailure("the purchase could not be produced") }
    var after = before
    while MonotonicClock.nanoseconds() - began < 10_000_000_000 {
      if let list = try reader.list(user: Identifier(customer))?.list, !list.items.contains(where: { $0.item == bought.item }) {
        after = list
        break
      }
      usleep(500)
    }
    let took = Double(MonotonicClock.nanoseconds() - began) / 1e6
    say("\nCustomer \(name) before:\n\(ListText.table(Array(before.items.prefix(Self.listLength)), titles))")
    say(
      "Customer \(name) buys \(titles[bought.item] ?? bought.item.string); \(ListText.fixed(took, 1)) ms later:\n\(ListText.table(Array(after.items.prefix(Self.listLength)), titles))\n"
    )
    return Purchase(before: before.items, after: after.items)
  }

  private func retrain(_ process: EngineProcess) throws -> RetrainRecord? {
    _ = process.wait(atMost: .seconds(120)) { $0.retrainPhase == nil }
    let job = process.requestRetrain().id
    var progress = context.progress("full retrain", total: 100, unit: .percent)
    let ended = process.wait(atMost: .seconds(180)) { status in
      progress.update(Int(status.retrainRatio * 100))
      return process.jobs.job(job)?.state != .running && status.retrainPhase == nil
    }
    progress.finish(100)
    guard ended, let record = process.jobs.job(job)?.record else { throw CommandFailure("the retrain did not finish") }
    let seconds = record.secondsPerPhase.reduce(0) { $0 + $1.seconds }
    let quality =
      record.qualityOld.flatMap { old in record.qualityNew.map { (old, $0) } }
      .map { "recall@20 on the newest purchases: \(ListText.fixed($0.0, 4)) (old model), \(ListText.fixed($0.1, 4)) (new model)" }
      ?? "too few new purchases for a comparison"
    say("Full retrain beside the stream: \(ListText.fixed(seconds, 1)) s, \(record.result.rawValue); \(quality)")
    return record
  }

  private func finish(
    _ process: EngineProcess, _ purchase: Purchase, _ streamed: EngineStatus, _ record: RetrainRecord?
  ) {
    // Read the state itself, because the last status may be older than the purchase.
    let state = process.frozen()
    let status = process.status.current
    if context.json {
      func ids(_ items: [RecommendedItem]) -> JSONValue { .array(items.map { .string($0.item.string) }) }
      context.print(
        ([
          "events": .integer(Int(state?.eventsApplied ?? status.eventsApplied)),
          "users": .integer(state?.users.count ?? status.users),
          "items": .integer(state?.catalogue.items.count ?? status.items),
          "list_before": ids(purchase.before), "list_after": ids(purchase.after),
          "epoch": .integer(Int(max(status.epoch ?? 0, record?.epoch ?? 0))),
          "freshness_p50_ms": .number(streamed.freshnessP50Milliseconds ?? -1),
          "freshness_p99_ms": .number(streamed.freshnessP99Milliseconds ?? -1),
          "recall_at_20_old": record?.qualityOld.map { .number($0) } ?? .null,
          "recall_at_20_new": record?.qualityNew.map { .number($0) } ?? .null,
        ] as JSONValue).text)
    }
    say(
      """
      \nLook further:
        freshet demo --keep                     the same, and it stays up
        freshet serve --embedded                an engine to play with, no server needed
        freshet help                            all commands
      """)
  }

  private func keep(_ configuration: RecommenderConfiguration, _ temporary: TemporaryDirectory) {
    let directory = temporary.path
    let signals = Signals(onSnapshot: {}, onRetrain: {})
    temporary.stopListening()
    try? Endpoints(
      pid: getpid(), bootstrapServers: configuration.kafka.bootstrapServers, redisURL: configuration.redis.url,
      admin: configuration.admin.listen, topics: configuration.input.topics, keyPrefix: configuration.redis.keyPrefix,
      namespace: configuration.redis.namespace, isEmbedded: true
    ).write(to: directory)
    context.note(
      """
      It stays up until Ctrl-C. Look at the console first; user 17850 and item 22865 are good to look up there:
        \(AdminServers.consoleAddress(configuration.admin.listen))
      In another terminal:
        freshet recommend 17850 --data-dir \(directory)
        freshet status --data-dir \(directory)
      """)
    while !signals.waitForStop(seconds: 3600) {}
  }
}
