import ControlPlane
import HTTPServing
import StreamingRecommender
import Telemetry

/// The HTTP servers of an engine: the admin server, and the one for probes if there is one.
struct AdminServers {
  private(set) var admin: HTTPServer?
  private(set) var probes: HTTPServer?
  /// What was changed over the admin server.
  let audit: AuditLog
  private var tokens: AccessTokenFile?

  /// Starts what the configuration asks for, and stores the addresses with the ports that were chosen for port 0.
  init(_ process: EngineProcess, _ configuration: inout RecommenderConfiguration, log: Telemetry.Log) throws {
    let backend = EngineBackend(process: process)
    let metrics = process.metrics
    audit = process.console.auditLog(log)
    let observe: Router.Observer = { metrics.adminRequests.with($0, String($1)).add() }
    do {
      if !configuration.admin.listen.isEmpty {
        tokens = configuration.admin.tokenFile.isEmpty ? nil : try AdminToken.tokens(configuration.admin.tokenFile, log: log)
        let access = tokens.map { AccessControl.tokens($0) } ?? .thisMachine
        var server = HTTPServerConfiguration(listen: configuration.admin.listen)
        server.allowsRemote = !configuration.admin.tokenFile.isEmpty
        admin = try HTTPServer(server, router: AdminRoutes.router(backend: backend, access: access, audit: audit, observe: observe))
        configuration.admin.listen = admin?.address ?? ""
      }
      if !configuration.probes.listen.isEmpty {
        probes = try HTTPServer(
          .probes(listen: configuration.probes.listen), router: AdminRoutes.probes(backend: backend, observe: observe))
        configuration.probes.listen = probes?.address ?? ""
      }
    } catch let error as HTTPServerError {
      stop()
      throw CommandFailure("\(error)")
    }
  }

  /// Where a browser on this machine finds the console of an engine that listens at `address`.
  static func consoleAddress(_ address: String) -> String { "http://\(AdminClient.reachable(address))/" }

  func stop() {
    admin?.stop()
    probes?.stop()
  }

  /// What is read again on SIGHUP.
  var reloaded: [Reload.Part] { tokens.map { tokens in [Reload.Part(name: "admin.token_file") { tokens.check() }] } ?? [] }
}

/// The file with the tokens of the admin server.
enum AdminToken {
  private static let key = "admin.token_file"

  /// What the server accepts: one token as it is, or lines of `name role sha256`. A change is in force at once.
  static func tokens(_ path: String, log: Telemetry.Log = .disabled) throws(CommandFailure) -> AccessTokenFile {
    do {
      return try AccessTokenFile(key: key, path: path, checkInterval: .zero, log: log) { try SecretFile.read($0) }
    } catch {
      throw CommandFailure("\(key) = \(path): \(error)", status: .configuration)
    }
  }

  /// The token that a command sends.
  static func read(_ path: String) throws(CommandFailure) -> String {
    let token: String
    do { token = try SecretFile.read(path) } catch {
      throw CommandFailure("\(key) = \(path): \(error)", status: .configuration)
    }
    guard token.utf8.count >= AccessTokens.tokenBytesMin, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw CommandFailure(
        "\(key) = \(path): a command sends the token itself, so the file must have one line of at least \(AccessTokens.tokenBytesMin) "
          + "visible ASCII characters; where the engine has a list of digests, name a file with one of its tokens by --set \(key)=FILE",
        status: .configuration)
    }
    return token
  }
}
