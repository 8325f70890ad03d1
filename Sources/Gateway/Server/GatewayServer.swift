import HTTPServing
import Telemetry

/// Serves lists, events and the catalogue over HTTP. It keeps nothing that Redis and Kafka do not have, so any number of them may run.
public final class GatewayServer: Sendable {
  private let server: HTTPServer
  private let probes: HTTPServer?
  private let store: GatewayStore

  /// Starts to read from Redis and to listen. The server answers at once; `GET /readyz` says when it can make lists.
  ///
  /// - Parameters:
  ///   - events: the engine's topic of events; `nil` where the gateway may not write.
  ///   - items: the topic of items, of which the engine makes the mirror in Redis.
  ///   - engine: asks the engine and waits for its answer; `nil` where the gateway does not know one.
  public init(
    _ configuration: GatewayConfiguration, events: (any RecordSink)? = nil, items: (any RecordSink)? = nil,
    engine: (@Sendable (EngineQuestion) throws(Problem) -> HTTPResponse)? = nil,
    registry: MetricRegistry = MetricRegistry(),
    log: Log = .disabled
  ) throws(HTTPServerError) {
    let store = GatewayStore(configuration.redis, connections: configuration.server.threads, imported: configuration.imported, log: log)
    let metrics = GatewayMetrics(registry)
    let service = GatewayService(
      configuration, store: store, metrics: metrics, audit: AuditLog(log: log), log: log, events: events, items: items, engine: engine)
    registry.collect { service.collect() }
    let table = service.table
    let observe: Router.Observer = { route, status in metrics.answered(route, status) }
    do {
      probes = try configuration.probes.map { (settings) throws(HTTPServerError) in
        try HTTPServer(
          settings, router: table.router(policy: RouterPolicy(access: .thisMachine), observe: observe, where: service.isProbe))
      }
      server = try HTTPServer(configuration.server, router: table.router(policy: configuration.policy, observe: observe))
    } catch {
      store.stop()
      throw error
    }
    self.store = store
  }

  /// Host and port for clients.
  public var address: String { server.address }
  public var port: UInt16 { server.port }
  /// Where health probes and metrics are answered without a token; `nil` without such a server.
  public var probesAddress: String? { probes?.address }
  public var probesPort: UInt16? { probes?.port }

  /// Reads certificate and key again.
  public func reloadCertificate() throws(TLSError) { try server.reloadCertificate() }

  /// The OpenAPI document of a gateway, without one that runs.
  public static func openAPI(version: String) -> JSONValue {
    let configuration = GatewayConfiguration(server: HTTPServerConfiguration(), redis: .init(), input: .init())
    var named = configuration
    named.version = version
    let store = GatewayStore(idle: configuration.redis)
    let service = GatewayService(
      named, store: store, metrics: GatewayMetrics(MetricRegistry()), audit: AuditLog(log: .disabled), log: .disabled, events: nil,
      items: nil, engine: nil)
    return service.table.document
  }

  /// Lets running requests finish, then ends.
  public func stop() {
    server.stop()
    probes?.stop()
    store.stop()
  }
}
