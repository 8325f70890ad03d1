import Foundation
import Synchronization
import Testing

@testable import HTTPServing

@Suite struct AccessControlTests {
  private final class Clock: Sendable {
    let nanoseconds = Atomic<UInt64>(0)
    func advance(seconds: Double) { nanoseconds.add(UInt64(seconds * 1e9), ordering: .relaxed) }
    var now: UInt64 { nanoseconds.load(ordering: .relaxed) }
  }

  private let clock = Clock()
  private let log = KeptLog()
  private let reader = try! AccessToken.make(name: "grafana", role: .read)
  private let writer = try! AccessToken.make(name: "shop", role: .write)

  private struct Exposed: Error {}

  private func tokens(_ file: TemporaryFile) throws -> AccessTokenFile {
    let clock = clock
    return try AccessTokenFile(key: "gateway.token_file", path: file.path, log: log.log, now: { clock.now }) { path in
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0
      guard mode & 0o077 == 0 else { throw Exposed() }
      return try String(contentsOfFile: path, encoding: .utf8)
    }
  }

  private func router(_ access: AccessControl) -> Router {
    var router = Router(policy: RouterPolicy(access: access))
    for (path, requirement) in [
      ("/open", AccessControl.Requirement.nothing), ("/probe", .probe), ("/read", .role(.read)), ("/write", .role(.write)),
      ("/admin", .role(.admin)),
    ] {
      router.add("GET", path, options: RouteOptions(requirement: requirement)) { .now(.text($0.caller.label)) }
    }
    return router
  }

  private func response(_ router: Router, _ path: String, _ token: String? = nil, headers: [String: String] = [:]) throws -> HTTPResponse {
    var headers = headers
    if let token { headers["authorization"] = "Bearer \(token)" }
    guard case .now(let response) = router.answer(HTTPRequest("GET", path, headers: headers)) else { throw CancellationError() }
    return response
  }

  private func statuses(_ router: Router, _ token: String? = nil, headers: [String: String] = [:]) throws -> [Int] {
    try ["/open", "/probe", "/read", "/write", "/admin"].map { try response(router, $0, token, headers: headers).status }
  }

  @Test func eachRoleOpensItsRoutesAndThoseBelow() throws {
    let file = try TemporaryFile("\(reader.line)\n\(writer.line)\n")
    let router = router(.tokens(try tokens(file)))
    #expect(try statuses(router) == [200, 401, 401, 401, 401])
    #expect(try statuses(router, "wrong") == [200, 401, 401, 401, 401])
    #expect(try statuses(router, reader.token) == [200, 200, 200, 403, 403])
    #expect(try statuses(router, writer.token) == [200, 200, 200, 200, 403])
    #expect(String(decoding: try response(router, "/write", writer.token).body, as: UTF8.self) == "shop")
    let refused = String(decoding: try response(router, "/admin", writer.token).body, as: UTF8.self)
    #expect(refused.contains("shop has the role write; this needs admin") && !refused.contains(writer.token))
  }

  @Test func withoutTokensThisMachineMayDoAll() throws {
    #expect(try statuses(router(.thisMachine), headers: ["host": "localhost:1"]) == [200, 200, 200, 200, 200])
    #expect(try statuses(router(.thisMachine), headers: ["host": "evil.example"]) == [200, 200, 403, 403, 403])
    #expect(try statuses(router(.everyone)) == [200, 200, 200, 200, 200])
  }

  @Test func aChangedFileIsReadWithinASecond() throws {
    let file = try TemporaryFile(reader.line)
    let router = router(.tokens(try tokens(file)))
    try file.write("\(writer.line)\n")
    #expect(try response(router, "/read", reader.token).status == 200)
    clock.advance(seconds: 1)
    #expect(try response(router, "/read", reader.token).status == 401 && response(router, "/write", writer.token).status == 200)
    #expect(log.all.count == 1 && log.all[0].contains("gateway.token_file"))
  }

  @Test func aSlipOfThePenLocksNobodyOutAndIsLogged() throws {
    let file = try TemporaryFile(reader.line)
    let router = router(.tokens(try tokens(file)))
    try file.write("oops \(writer.token)\n")
    clock.advance(seconds: 1)
    #expect(try response(router, "/read", reader.token).status == 200)
    #expect(log.all.count == 1 && log.all[0].contains("line 1") && !log.all[0].contains(writer.token), "\(log.all)")
    // Once per change, not once per request.
    clock.advance(seconds: 1)
    #expect(try response(router, "/read", reader.token).status == 200 && log.all.count == 1)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    clock.advance(seconds: 1)
    #expect(try response(router, "/read", reader.token).status == 200 && log.all.count == 2 && log.all[1].contains("Exposed"))
  }

  @Test func withoutItsFileNobodyIsLetInUntilItIsBack() throws {
    let file = try TemporaryFile(reader.line)
    let router = router(.tokens(try tokens(file)))
    file.remove()
    clock.advance(seconds: 1)
    let refused = try response(router, "/read", reader.token)
    #expect(refused.status == 503 && refused.header("Retry-After") == "5")
    try file.write(reader.line)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    clock.advance(seconds: 1)
    #expect(try response(router, "/read", reader.token).status == 200)
  }

  @Test(arguments: [("", 0o600), ("nonsense here", 0o600), ("0123456789abcdef", 0o644)])
  func aFileThatCannotBeUsedAtTheStartIsAnError(content: String, mode: Int) throws {
    let file = try TemporaryFile(content, mode: mode)
    #expect(throws: (any Error).self) { try tokens(file) }
  }

  @Test(arguments: ["Basic TOKEN", "TOKEN", "Bearer", "Bearer ", "bearerTOKEN"]) func onlyBearerTokensCount(header: String) throws {
    let file = try TemporaryFile(reader.line)
    let router = router(.tokens(try tokens(file)))
    let headers = ["authorization": header.replacing("TOKEN", with: reader.token)]
    #expect(try response(router, "/read", headers: headers).status == 401)
    #expect(try response(router, "/read", headers: ["authorization": "BEARER  \(reader.token)"]).status == 200)
  }
}
