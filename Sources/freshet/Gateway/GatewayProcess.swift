import Foundation
import Gateway
import HTTPServing
import KafkaIngest
import StreamingRecommender
import Telemetry

/// A gateway with its Kafka producer and its way to the engine; this is where it is put together, for `freshet gateway` and for `serve`.
struct GatewayProcess {
  let server: GatewayServer
  private let producer: KafkaBatchProducer?
  /// What is read again on SIGHUP.
  let reloaded: [Reload.Part]

  /// - Parameters:
  ///   - isEmbedded: whether the broker is the embedded one.
  ///   - hasProbes: whether `probes.listen` is the gateway's; in `serve` it is the engine's.
  init(_ configuration: RecommenderConfiguration, isEmbedded: Bool, hasProbes: Bool = false, log: Telemetry.Log) throws {
    let settings = configuration.gateway
    let producer =
      settings.writes
      ? try KafkaBatchProducer(
        kafka: configuration.kafka, pace: isEmbedded ? .embedded : .paced, timeout: settings.timeout, log: log.scoped("kafka")) : nil
    self.producer = producer
    var gateway = GatewayConfiguration(
      server: try Self.server(settings), redis: configuration.redis, input: configuration.input, countDefault: configuration.topN.n)
    gateway.showsPopularWhenEmpty = configuration.topN.whenEmpty == .popular
    if hasProbes, !configuration.probes.listen.isEmpty { gateway.probes = .probes(listen: configuration.probes.listen) }
    gateway.imported = settings.imported.compactMap { ImportedListWeight($0) }
    gateway.version = Version.freshet
    gateway.recommendationKey = try Self.key(settings.keyFile, "gateway.key_file")
    gateway.beacon = try Self.beacon(settings, log)
    gateway.policy = try Self.policy(settings, log)
    let items = configuration.items.topic
    let registry = MetricRegistry()
    ProcessMetrics.install(in: registry)
    do {
      server = try GatewayServer(
        gateway, events: producer.map { KafkaRecordSink(producer: $0, topic: configuration.input.topics[0]) },
        items: items.isEmpty ? nil : producer.map { KafkaRecordSink(producer: $0, topic: items) },
        engine: Self.engine(configuration), registry: registry, log: log)
    } catch { throw CommandFailure("\(error)", status: .configuration) }
    reloaded = Self.reloaded(gateway, server)
  }

  private static func reloaded(_ gateway: GatewayConfiguration, _ server: GatewayServer) -> [Reload.Part] {
    var parts: [Reload.Part] = []
    if case .tokens(let file) = gateway.policy.access { parts.append(Reload.Part(name: file.key) { file.check() }) }
    if let keys = gateway.beacon?.keys { parts.append(Reload.Part(name: keys.key) { keys.check() }) }
    if gateway.server.tls != nil { parts.append(Reload.Part(name: "gateway.tls_certificate_file") { try server.reloadCertificate() }) }
    return parts
  }

  func stop() {
    server.stop()
    producer?.close(timeout: .seconds(5))
  }

  // MARK: - From the configuration

  private static func server(_ settings: RecommenderConfiguration.Gateway) throws(CommandFailure) -> HTTPServerConfiguration {
    var server = GatewayConfiguration.serverDefaults(listen: settings.listen)
    server.threads = settings.threads
    server.connectionsMax = settings.connectionsMax
    server.allowsRemote = !settings.tokenFile.isEmpty
    if !settings.certificateFile.isEmpty {
      server.tls = TLSFiles(certificate: settings.certificateFile, key: settings.certificateKeyFile) { try SecretFile.read($0) }
    }
    for proxy in settings.trustedProxies {
      guard let address = ClientAddress(proxy) else {
        throw CommandFailure("gateway.trusted_proxies: \(proxy) is no IP address", status: .configuration)
      }
      server.trustedProxies.insert(address)
    }
    return server
  }

  private static func policy(_ settings: RecommenderConfiguration.Gateway, _ log: Telemetry.Log) throws(CommandFailure) -> RouterPolicy {
    var policy = RouterPolicy(access: .thisMachine)
    if !settings.tokenFile.isEmpty {
      do {
        policy.access = .tokens(
          try AccessTokenFile(key: "gateway.token_file", path: settings.tokenFile, log: log) { try SecretFile.read($0) })
      } catch { throw CommandFailure("gateway.token_file = \(settings.tokenFile): \(error)", status: .configuration) }
    }
    if let rate = settings.rateLimit { policy.limiter = RateLimiter(perSecond: rate, burst: max(1, 2 * rate)) }
    do { policy.cors = try CORSPolicy(origins: settings.allowedOrigins) } catch {
      throw CommandFailure("gateway.allowed_origins: \(error)", status: .configuration)
    }
    return policy
  }

  private static func beacon(
    _ settings: RecommenderConfiguration.Gateway, _ log: Telemetry.Log
  ) throws(CommandFailure) -> BeaconConfiguration? {
    guard !settings.beaconFile.isEmpty else { return nil }
    do {
      let keys = try WatchedFile(key: "gateway.beacon_file", path: settings.beaconFile, noun: "keys", log: log) { path in
        try BeaconKeys(parsing: String(contentsOfFile: path, encoding: .utf8))
      }
      return BeaconConfiguration(
        keys: keys, secret: try key(settings.beaconSecretFile, "gateway.beacon_secret_file"), ratePerSecond: settings.beaconRateLimit)
    } catch let failure as CommandFailure { throw failure } catch {
      throw CommandFailure("gateway.beacon_file = \(settings.beaconFile): \(error)", status: .configuration)
    }
  }

  private static let keyBytesMin = 16

  static func key(_ path: String, _ name: String) throws(CommandFailure) -> [UInt8]? {
    guard !path.isEmpty else { return nil }
    let key: String
    do { key = try SecretFile.read(path) } catch { throw CommandFailure("\(name) = \(path): \(error)", status: .configuration) }
    guard key.utf8.count >= keyBytesMin else {
      throw CommandFailure(
        "\(name) = \(path): the key must have at least \(keyBytesMin) bytes; `openssl rand -hex 32` makes one",
        status: .configuration)
    }
    return Array(key.utf8)
  }

  /// Asks the engine's admin server; `nil` if there is none.
  private static func engine(
    _ configuration: RecommenderConfiguration
  ) -> (@Sendable (EngineQuestion) throws(Problem) -> HTTPResponse)? {
    let settings = configuration.gateway
    var engine = configuration
    if !settings.engine.isEmpty { engine.admin.listen = settings.engine }
    if !settings.engineTokenFile.isEmpty { engine.admin.tokenFile = settings.engineTokenFile }
    guard !engine.admin.listen.isEmpty else { return nil }
    let client = AdminClient(engine, serveLine: "`freshet serve`")
    return { question throws(Problem) in
      do {
        var query = URLComponents()
        query.queryItems = question.parameters.map { URLQueryItem(name: $0.name, value: $0.value) }
        // A plus would be read as a space.
        let encoded = (query.percentEncodedQuery ?? "").replacing("+", with: "%2B")
        let answer = try client.get("\(question.path)?\(encoded)")
        if answer.status == 200 { return .json(Array(answer.text.utf8)) }
        let words = answer.object["error"] as? String ?? "the engine answered with status \(answer.status)"
        throw Problem(
          answer.status == 404 ? .notFound : .unavailable, words, fix: answer.object["fix"] as? String ?? "see the engine's log")
      } catch let problem as Problem { throw problem } catch {
        throw Problem(
          .unavailable, "the engine does not answer: \(error)", fix: "set gateway.engine to the engine's admin address",
          headers: [.init("Retry-After", "5")])
      }
    }
  }
}
