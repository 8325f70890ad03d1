import Foundation
import HTTPServing
import Telemetry
import Testing

@testable import ControlPlane

@Suite struct AdminAccessTests {
  private let backend = FakeBackend()
  private static let token = "0123456789abcdef0123456789abcdef"
  private static let routes = AdminRoutes.table.map { ($0.method, $0.path.replacing("{id}", with: "r-1")) }

  private func status(_ router: Router, _ method: String, _ path: String, _ headers: [String: String] = [:]) -> Int? {
    guard case .now(let response) = router.answer(HTTPRequest(method, path, headers: headers)) else { return nil }
    return response.status
  }

  private func guarded(_ token: String? = token) -> Router {
    AdminRoutes.router(backend: backend, access: .token { token.map { Array($0.utf8) } })
  }

  @Test(arguments: routes) func withATokenEveryRouteNeedsIt(method: String, path: String) {
    let wrong = [
      [:], ["authorization": "Bearer "], ["authorization": "Bearer \(Self.token)x"], ["authorization": "Bearer \(Self.token.dropLast())"],
      ["authorization": "Basic \(Self.token)"], ["authorization": Self.token], ["authorization": "Bearer \(Self.token)\(Self.token)"],
      ["authorization": "Bearer \(Self.token.uppercased())"], ["host": "127.0.0.1:9464"],
    ]
    for headers in wrong { #expect(status(guarded(), method, path, headers) == 401, "\(headers)") }
    #expect(backend.state.withLock { $0.retrainsRequested } == 0)
    // From any host, as the server may be reached from anywhere.
    let right = ["authorization": "bearer \(Self.token)", "host": "freshet.example:9464", "origin": "https://freshet.example"]
    #expect(status(guarded(), method, path, right) != 401 && status(guarded(), method, path, right) != 403)
  }

  @Test(arguments: [nil, "", "short"]) func aTokenThatCannotBeReadLetsNobodyIn(token: String?) {
    #expect(status(guarded(token), "GET", "/livez", ["authorization": "Bearer \(token ?? "")"]) == 503)
  }

  @Test func aRefusalNamesTheSchemeAndTheFix() throws {
    guard case .now(let response) = guarded().answer(HTTPRequest("GET", "/v1/status")) else { throw CancellationError() }
    #expect(response.headers.contains { $0.name == "WWW-Authenticate" && $0.value.hasPrefix("Bearer") })
    #expect(String(decoding: response.body, as: UTF8.self).contains("admin.token_file"))
  }

  @Test func onlyEqualBytesAreEqual() {
    let token = Array(Self.token.utf8)
    #expect(AdminAccess.isEqual(token, token))
    for index in token.indices {
      var other = token
      other[index] ^= 1
      #expect(!AdminAccess.isEqual(other, token))
      #expect(!AdminAccess.isEqual(Array(token[..<index]), token))
    }
    #expect(!AdminAccess.isEqual([], []) && !AdminAccess.isEqual(token + token, token))
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
