import Foundation
import StreamingRecommender
import Telemetry

/// `freshet gateway`: serves lists, events and items over HTTP until SIGINT or SIGTERM.
struct GatewayCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  static let defaultListen = "127.0.0.1:8087"

  func run() throws -> ExitStatus {
    Signals.ignoreHangUp()
    let loaded = try context.loaded().configuration
    var configuration = try context.loadedForRunningEngine(using: ["redis.url", "kafka.bootstrap_servers"])
    if configuration.gateway.listen.isEmpty { configuration.gateway.listen = Self.defaultListen }
    let sink = context.sink(configuration)
    let log = context.log(sink)
    let gateway = try GatewayProcess(configuration, isEmbedded: context.isEngineEmbedded, hasProbes: true, log: log.scoped("gateway"))
    defer { gateway.stop() }
    log.info(
      "gateway listens",
      [
        "address": gateway.server.address, "probes": gateway.server.probesAddress, "redis": Redaction.text(configuration.redis.url),
        "namespace": configuration.redis.namespace, "writes": configuration.gateway.writes ? "events" : "none",
      ])
    let reload = Reload(context, current: loaded, parts: gateway.reloaded, sink: sink, log: log, where: Self.isUsed)
    let signals = Signals(onSnapshot: {}, onRetrain: {}, onHangUp: { reload.run() })
    var service = ServiceNotifier()
    service.ready(status: "listening on \(gateway.server.address)")
    var turns: UInt64 = 0
    repeat {
      turns += 1
      service.continues(progress: turns)
    } while !signals.waitForStop(seconds: Double(service.pace.nanoseconds) / 1e9)
    service.stopping(timeout: .seconds(15))
    log.info("stopping")
    return .done
  }

  /// Keys of the engine that stand in the same file say nothing to a gateway.
  private static func isUsed(_ key: String) -> Bool {
    let groups = ["gateway.", "probes.", "redis.", "kafka.", "input.", "items.", "admin.", "log.", "schema_registry.", "instance."]
    return ["topn.n", "topn.when_empty"].contains(key) || groups.contains { key.hasPrefix($0) }
  }
}
