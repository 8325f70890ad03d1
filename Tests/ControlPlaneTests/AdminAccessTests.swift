import ControlPlane
import Foundation
import HTTPServing
import Telemetry
import Testing

@Suite struct AdminAccessTests {
  private let backend = FakeBackend()
  private static let token = "0123456789abcdef0123456789abcdef"
  private static let routes = AdminRoutes.table.map { ($0.method, $0.path.replacing("{id}", with: "r-1")) }
  private static let closedRoutes = routes.filter { $0.1 != "/" }

  private func status(_ router: Router, _ method: String, _ path: String, _ headers: [String: String] = [:]) -> Int? {
    guard case .now(let response) = router.answer(HTTPRequest(method, path, headers: headers)) else { return nil }
    return response.status
  }

  /// A router whose tokens stand in a file.
  private func guarded(_ content: String = token) throws -> Router {
    let path = FileManager.default.temporaryDirectory.appending(path: "freshet-admin-\(UUID().uuidString)").path
    try content.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try AccessTokenFile(key: "admin.token_file", path: path, log: .disabled) { try String(contentsOfFile: $0, encoding: .utf8) }
    return AdminRoutes.router(backend: backend, access: .tokens(file))
  }

  @Test(arguments: closedRoutes) func withATokenEveryRouteButThePageNeedsIt(method: String, path: String) throws {
    let router = try guarded()
    let wrong = [
      [:], ["authorization": "Bearer "], ["authorization": "Bearer \(Self.token)x"], ["authorization": "Bearer \(Self.token.dropLast())"],
      ["authorization": "Basic \(Self.token)"], ["authorization": Self.token], ["authorization": "Bearer \(Self.token)\(Self.token)"],
      ["authorization": "Bearer \(Self.token.uppercased())"], ["host": "127.0.0.1:9464"],
    ]
    for headers in wrong { #expect(status(router, method, path, headers) == 401, "\(headers)") }
    #expect(backend.state.withLock { $0.retrainsRequested } == 0)
    // From any host, as the server may be reached from anywhere.
    let right = ["authorization": "bearer \(Self.token)", "host": "freshet.example:9464", "origin": "https://freshet.example"]
    #expect(status(router, method, path, right) != 401 && status(router, method, path, right) != 403)
  }

  @Test func thePageIsThereBeforeThereIsAToken() throws {
    #expect(status(try guarded(), "GET", "/") == 200)
    #expect(status(AdminRoutes.router(backend: backend), "GET", "/", ["host": "127.0.0.1:9464"]) == 200)
  }

  @Test func aTokenForReadingChangesNothing() throws {
    let reader = try AccessToken.make(name: "grafana", role: .read)
    let admin = try AccessToken.make(name: "operator", role: .admin)
    let router = try guarded("# of the admin server\n\(reader.line)\n\(admin.line)\n")
    backend.set(JobStatus(id: "r-1", state: .running))
    for (method, path) in Self.routes {
      let asReader = status(router, method, path, ["authorization": "Bearer \(reader.token)"])
      let needsAdmin = method == "DELETE" || method == "PUT" || (method == "POST" && path != "/v1/users") || path == "/v1/audit"
      #expect((asReader == 403) == needsAdmin, "\(method) \(path): \(asReader ?? 0)")
      let asAdmin = status(router, method, path, ["authorization": "Bearer \(admin.token)"])
      #expect(asAdmin != 401 && asAdmin != 403, "\(method) \(path)")
    }
    #expect(backend.state.withLock { $0.retrainsRequested } == 1)
  }

  @Test func aRefusalNamesTheSchemeAndTheFix() throws {
    guard case .now(let response) = try guarded().answer(HTTPRequest("GET", "/v1/status")) else { throw CancellationError() }
    #expect(response.headers.contains { $0.name == "WWW-Authenticate" && $0.value.hasPrefix("Bearer") })
    let body = String(decoding: response.body, as: UTF8.self)
    #expect(body.contains("admin.token_file") && body.contains(#""error":"this server needs a token""#), "\(body)")
  }

  /// Every other path of the table is not there.
  @Test(arguments: routes) func theServerForProbesAnswersThemAndNothingElse(method: String, path: String) {
    let router = AdminRoutes.probes(backend: backend)
    let isProbe = ["/livez", "/readyz", "/startupz", "/metrics"].contains(path)
    #expect(status(router, method, path, ["host": "10.0.0.1:9465"]) == (isProbe ? 200 : 404))
    #expect(status(router, "POST", "/livez") == 405)
  }

  @Test func theCommittedReferenceIsTheTable() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/admin.md").standardized
    let isCurrent = try String(contentsOf: file, encoding: .utf8) == AdminDocument.markdown()
    #expect(isCurrent, "docs/admin.md is stale: run \(AdminDocument.command)")
  }
}
