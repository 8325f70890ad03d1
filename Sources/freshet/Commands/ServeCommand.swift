import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// `freshet serve`: runs the engine until SIGINT or SIGTERM.
struct ServeCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws -> ExitStatus {
    Signals.ignoreHangUp()
    let loaded = try context.loaded()
    var configuration = loaded.configuration
    let isEmbedded = context.options.flag("embedded")
    let from = try readingStart(isEmbedded)
    if isEmbedded, case .default = loaded.origin(of: "instance.data_dir") {
      configuration.instance.dataDirectory += "/\(Endpoints.embeddedDirectory)"
      configuration.snapshot.directory = configuration.instance.dataDirectory + "/snapshots"
    }
    let sink = context.sink(configuration)
    let log = context.log(sink)
    let directory = try DataDirectory(configuration.instance.dataDirectory)
    let servers =
      isEmbedded ? try EmbeddedServers(&configuration, directory: directory.path, usesRunningRedis: true, log: log) : nil
    defer { servers?.stop() }
    var options = EngineProcess.Options()
    options.takesOver = context.options.flag("takeover")
    options.from = from
    options.setsAside = context.options.flag("set-aside")
    if isEmbedded {
      options.membership = .direct
      options.resetsOffsets = true
    }
    let process = try EngineProcess(configuration, options: options, log: log)
    report(process.recovered, isNewState: from != .snapshot, isEmbedded, log)
    let admin = try AdminServers(process, &configuration, log: log.scoped("admin"))
    defer { admin.stop() }
    process.start()
    let gateway = try startGateway(configuration, isEmbedded, log)
    defer { gateway?.stop() }
    try Endpoints(
      pid: getpid(), bootstrapServers: configuration.kafka.bootstrapServers, redisURL: configuration.redis.url,
      admin: configuration.admin.listen, topics: configuration.input.topics, keyPrefix: configuration.redis.keyPrefix,
      namespace: configuration.redis.namespace, isEmbedded: isEmbedded, tokenFile: Self.absolute(configuration.admin.tokenFile)
    ).write(to: directory.path)
    defer { Endpoints.remove(from: directory.path) }
    log.info(
      "serving",
      [
        "kafka": configuration.kafka.bootstrapServers, "topics": configuration.input.topics.joined(separator: ","),
        "redis": Redaction.text(configuration.redis.url), "admin": configuration.admin.listen,
        "gateway": gateway?.server.address,
        "console": configuration.admin.listen.isEmpty ? nil : AdminServers.consoleAddress(configuration.admin.listen),
        "probes": configuration.probes.listen.isEmpty ? nil : configuration.probes.listen,
        "data_dir": directory.path,
      ])
    var service = ServiceNotifier()
    service.ready(status: Self.serviceStatus(process.status.current))
    let reload = Reload(
      context, current: loaded.configuration, parts: admin.reloaded + (gateway?.reloaded ?? []), sink: sink, log: log)
    return waitForTheEnd(process, &service, reload, log)
  }

  /// What `systemctl status` shows: the first condition that is in the way.
  private static func serviceStatus(_ status: EngineStatus) -> String {
    let condition = status.conditions.first { $0.severity != .warning } ?? status.conditions.first
    return condition.map { "\($0.name.rawValue): \($0.message)" } ?? "serving, model epoch \(status.epoch.map { "\($0)" } ?? "none")"
  }

  private func startGateway(_ configuration: RecommenderConfiguration, _ isEmbedded: Bool, _ log: Telemetry.Log) throws -> GatewayProcess? {
    guard !configuration.gateway.listen.isEmpty else { return nil }
    if !configuration.publish.rows {
      log.warning("the gateway serves stored lists only: set publish.rows=true for filters, context and lists longer than topn.n")
    }
    return try GatewayProcess(configuration, isEmbedded: isEmbedded, log: log.scoped("gateway"))
  }

  private func readingStart(_ isEmbedded: Bool) throws -> ReadingStart {
    let from = try context.options.string("from").map { try ReadingStart($0, nowMilliseconds: WallClock.milliseconds()) } ?? .snapshot
    if isEmbedded, case .time = from {
      throw UsageError(
        "--from a time needs a Kafka cluster: the log of --embedded begins with the process and has no offsets by time; use --from earliest",
        usage: context.parsed.command.usage)
    }
    if from == .snapshot, context.options.flag("set-aside") {
      throw UsageError(
        "--set-aside belongs to --from earliest or a time, which begin a new state", usage: context.parsed.command.usage)
    }
    return from
  }

  /// The path as other commands find it, whatever their working directory; `nil` for none.
  private static func absolute(_ path: String) -> String? {
    path.isEmpty ? nil : URL(fileURLWithPath: path).standardizedFileURL.path
  }

  private func report(_ recovery: EngineProcess.Recovery, isNewState: Bool, _ isEmbedded: Bool, _ log: Telemetry.Log) {
    for error in recovery.refused { log.warning("a snapshot cannot be used: \(error)") }
    if let factors = recovery.droppedModelFactors {
      log.warning("the snapshot's model has \(factors) factors, which differs from model.factors: the model is trained again")
    }
    if let path = recovery.setAside {
      log.warning("the snapshots were set aside, and the log is read into a new state", ["path": path], repetition: .always)
    }
    if let sequence = recovery.snapshotSequence {
      log.info("restored snapshot \(sequence)")
      if isEmbedded { log.info("the embedded log is new: model and state are kept, and reading starts at its beginning") }
    } else if !isNewState {
      log.info(
        recovery.refused.isEmpty
          ? "no snapshot: starting empty, at the beginning of the log"
          : "none of the \(recovery.refused.count) snapshots is valid: starting empty, at the beginning of the log")
    }
  }

  private func waitForTheEnd(
    _ process: EngineProcess, _ service: inout ServiceNotifier, _ reload: Reload, _ log: Telemetry.Log
  ) -> ExitStatus {
    let signals = Signals(
      onSnapshot: {
        if process.requestSnapshot().isNew { process.console.note("A snapshot was requested", by: .request("by signal")) }
      },
      onRetrain: {
        if process.requestRetrain().isNew { process.console.note("A retrain was requested", by: .request("by signal")) }
      }, onHangUp: { reload.run() })
    // The servers end after the loop.
    let stopTimeout = process.configuration.shutdown.timeout + .seconds(10)
    while !signals.waitForStop(seconds: 0.5) {
      if let fatal = process.status.current.fatal {
        log.error("ending: \(fatal)")
        let isDisplaced = process.status.current.isDisplaced
        service.stopping(timeout: stopTimeout)
        _ = process.stop()
        return isDisplaced ? .displaced : .failed
      }
      let status = process.status.current
      service.continues(progress: status.tickedNanoseconds, status: Self.serviceStatus(status))
    }
    service.stopping(timeout: stopTimeout)
    log.info("stopping")
    let left = process.stop()
    for problem in left { log.warning("at the end: \(problem)") }
    log.info("stopped")
    return .done
  }
}
