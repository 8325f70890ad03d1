import ControlPlane
import HTTPServing
import StreamingRecommender
import Telemetry

/// The HTTP servers of an engine: the admin server, and the one for probes if there is one.
struct AdminServers {
  private(set) var admin: HTTPServer?
  private(set) var probes: HTTPServer?

  /// Starts what the configuration asks for, and stores the addresses with the ports that were chosen for port 0.
  init(_ process: EngineProcess, _ configuration: inout RecommenderConfiguration, log: Telemetry.Log) throws {
    let backend = EngineBackend(process: process)
    let metrics = process.metrics
    let observe: Router.Observer = { metrics.adminRequests.with($0, String($1)).add() }
    do {
      if !configuration.admin.listen.isEmpty {
        let access = try Self.access(configuration.admin, log)
        var server = HTTPServerConfiguration(listen: configuration.admin.listen)
        server.allowsRemote = !configuration.admin.tokenFile.isEmpty
        admin = try HTTPServer(server, router: AdminRoutes.router(backend: backend, access: access, observe: observe))
        configuration.admin.listen = admin?.address ?? ""
      }
      if !configuration.probes.listen.isEmpty {
        var server = HTTPServerConfiguration(listen: configuration.probes.listen)
        server.key = "probes.listen"
        server.allowsRemote = true
        probes = try HTTPServer(server, router: AdminRoutes.probes(backend: backend, observe: observe))
        configuration.probes.listen = probes?.address ?? ""
      }
    } catch let error as HTTPServerError {
      stop()
      throw CommandFailure("\(error)")
    }
  }

  func stop() {
    admin?.stop()
    probes?.stop()
  }

  private static func access(_ admin: RecommenderConfiguration.Admin, _ log: Telemetry.Log) throws -> AdminAccess {
    let path = admin.tokenFile
    guard !path.isEmpty else { return .thisMachine }
    _ = try AdminToken.read(path)
    return .token {
      do { return Array(try AdminToken.read(path).utf8) } catch {
        log.warning("nobody is let in: \(error)")
        return nil
      }
    }
  }
}

/// The file with the token of the admin server.
enum AdminToken {
  static func read(_ path: String) throws(CommandFailure) -> String {
    let token: String
    do { token = try SecretFile.read(path) } catch {
      throw CommandFailure("admin.token_file = \(path): \(error)", status: .configuration)
    }
    guard token.utf8.count >= AdminAccess.tokenBytesMin, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw CommandFailure(
        "admin.token_file = \(path): the token must be one line of at least \(AdminAccess.tokenBytesMin) visible ASCII characters; "
          + "`openssl rand -hex 32` makes one", status: .configuration)
    }
    return token
  }
}
