import HTTPServing
import Synchronization
import Testing

@Suite struct RouterTests {
  private final class Seen: Sendable { let all = Mutex<[String]>([]) }

  private let seen = Seen()

  private func makeRouter() -> Router {
    let seen = seen
    var router = Router { route, status in seen.all.withLock { $0.append("\(route) \(status)") } }
    router.add("GET", "/a") { _ in .now(.text("get a")) }
    router.add("POST", "/a") { _ in .now(.text("post a")) }
    router.add("GET", "/a/{id}/b/{name}") { .now(.text("\($0.parameters["id"] ?? "-") \($0.parameters["name"] ?? "-")")) }
    router.add("GET", "/later") { _ in .later(LaterResponse(poll: { .text("end") }, instead: { .text("instead", status: 202) })) }
    return router
  }

  private func answer(_ method: String, _ path: String) -> HTTPResponse {
    guard case .now(let response) = makeRouter().answer(HTTPRequest(method, path)) else { return .text("later", status: 0) }
    return response
  }

  @Test func methodAndPathChooseTheHandler() {
    #expect(answer("GET", "/a") == .text("get a"))
    #expect(answer("POST", "/a") == .text("post a"))
    #expect(answer("GET", "/a/7/b/x") == .text("7 x"))
  }

  @Test func headIsAnsweredAsGet() {
    #expect(answer("HEAD", "/a") == .text("get a"))
  }

  @Test(arguments: ["/", "", "/b", "/a/", "/a/7", "/a/7/b/", "/a//b/x", "a", "/A"]) func unknownPathsGive404(path: String) {
    let response = answer("GET", path)
    #expect(response.status == 404)
    #expect(String(decoding: response.body, as: UTF8.self).contains("GET /a/{id}/b/{name}"))
  }

  @Test func wrongMethodNamesTheAllowedOnes() {
    let response = answer("DELETE", "/a")
    #expect(response.status == 405)
    #expect(response.headers == [.init("Allow", "GET, HEAD, POST, OPTIONS")])
    #expect(answer("HEAD", "/b").status == 404)
  }

  @Test func requestsAreCountedByPatternAndNeverByPath() {
    _ = answer("GET", "/a/secret/b/x")
    _ = answer("GET", "/made-up")
    _ = answer("PUT", "/a")
    #expect(seen.all.withLock { $0 } == ["/a/{id}/b/{name} 200", "unmatched 404", "/a 405"])
  }

  @Test func laterResponsesAreCountedWhenTheyEnd() throws {
    guard case .later(let later) = makeRouter().answer(HTTPRequest("GET", "/later")) else { throw CancellationError() }
    #expect(seen.all.withLock { $0.isEmpty })
    _ = later.poll()
    _ = later.instead()
    #expect(seen.all.withLock { $0 } == ["/later 200", "/later 202"])
  }

  @Test func errorsAreJSONWithAFix() {
    let response = HTTPResponse.error(400, "bad \"x\"\n", fix: "see redis://u:CANARY@h")
    #expect(response.contentType == "application/problem+json")
    #expect(
      String(decoding: response.body, as: UTF8.self)
        == #"{"type":"/problems/bad_request","title":"The request is malformed","status":400,"detail":"bad \"x\"\n","code":"bad_request","#
        + #""fix":"see redis://***@h","error":"bad \"x\"\n"}"# + "\n")
  }
}
