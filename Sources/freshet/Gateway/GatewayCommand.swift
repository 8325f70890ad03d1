import Foundation
import StreamingRecommender
import Telemetry

/// `freshet gateway`: serves lists, events and items over HTTP until SIGINT or SIGTERM.
struct GatewayCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  static let defaultListen = "127.0.0.1:8087"

  func run() throws -> ExitStatus {
    var configuration = try context.loadedForRunningEngine(using: ["redis.url", "kafka.bootstrap_servers"])
    if configuration.gateway.listen.isEmpty { configuration.gateway.listen = Self.defaultListen }
    let log = context.log(configuration)
    let gateway = try GatewayProcess(configuration, isEmbedded: context.isEngineEmbedded, hasProbes: true, log: log.scoped("gateway"))
    defer { gateway.stop() }
    log.info(
      "gateway listens",
      [
        "address": gateway.server.address, "probes": gateway.server.probesAddress, "redis": Redaction.text(configuration.redis.url),
        "namespace": configuration.redis.namespace, "writes": configuration.gateway.writes ? "events" : "none",
      ])
    let signals = Signals(onSnapshot: {}, onRetrain: {}, onHangUp: { Self.reload(gateway, log) })
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

  private static func reload(_ gateway: GatewayProcess, _ log: Telemetry.Log) {
    do {
      try gateway.server.reloadCertificate()
      log.info("the certificate has been read again", repetition: .always)
    } catch { log.error("the certificate cannot be read again, the one before stays in use: \(error)") }
  }
}
