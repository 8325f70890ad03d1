import ControlPlane
import HTTPServing
import Synchronization
import Testing

@Suite struct AdminRoutesTests {
  private let backend = FakeBackend()
  private let local = ["host": "127.0.0.1:9464"]

  private func response(_ request: HTTPRequest) throws -> HTTPResponse {
    guard case .now(let response) = AdminRoutes.router(backend: backend).answer(request) else {
      throw Unexpected(description: "\(request.method) \(request.path) waits")
    }
    return response
  }

  private struct Unexpected: Error { let description: String }

  private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

  @Test func livenessIsPlainText() throws {
    let answer = try response(HTTPRequest("GET", "/livez"))
    #expect(answer.status == 200)
    #expect(text(answer) == "ok\n")
  }

  @Test(arguments: ["/readyz", "/startupz"]) func failingChecksGive503AndTheirNames(path: String) throws {
    backend.state.withLock { $0.ready = false }
    let answer = try response(HTTPRequest("GET", path))
    #expect(answer.status == 503)
    #expect(text(answer) == "not ok\nredis: redis://***@h does not answer\n")
  }

  @Test func verboseHealthListsEveryCheck() throws {
    backend.state.withLock { $0.ready = false }
    let answer = try response(HTTPRequest("GET", "/readyz", query: ["verbose": ""]))
    #expect(answer.status == 503)
    #expect(answer.contentType == "application/json")
    #expect(
      text(answer) == #"{"ok":false,"checks":[{"name":"kafka","ok":true,"message":""},"#
        + #"{"name":"redis","ok":false,"message":"redis://***@h does not answer"}]}"# + "\n")
  }

  @Test func statusAndModelsPassTheBackendsJSONOn() throws {
    #expect(text(try response(HTTPRequest("GET", "/v1/status", headers: local))) == "{\"users\":3}\n")
    #expect(text(try response(HTTPRequest("GET", "/v1/models", headers: local))) == "[{\"epoch\":2}]\n")
  }

  @Test(arguments: ["/v1/status", "/v1/models", "/v1/jobs/r-1", "/v1/users", "/v1/console"]) func readingNeedsALocalHost(path: String)
    throws
  {
    for headers in [["host": "evil.example"], [:]] { #expect(try response(HTTPRequest("GET", path, headers: headers)).status == 403) }
    #expect(try response(HTTPRequest("HEAD", path, headers: ["host": "evil.example"])).status == 403)
    #expect(try response(HTTPRequest("GET", path, headers: ["host": "localhost:9464"])).status != 403)
  }

  @Test(arguments: ["/livez", "/readyz", "/metrics"]) func probesNeedNoHost(path: String) throws {
    #expect(try response(HTTPRequest("GET", path)).status == 200)
  }

  // MARK: Users

  private func later(_ request: HTTPRequest, now: @escaping @Sendable () -> UInt64 = { 0 }) throws -> LaterResponse {
    guard case .later(let later) = AdminRoutes.router(backend: backend, now: now).answer(request) else {
      throw Unexpected(description: "\(request.method) \(request.path) does not wait")
    }
    return later
  }

  @Test func anExplanationNamesUserAndItem() throws {
    let answer = try later(HTTPRequest("GET", "/v1/explain", query: ["user": "a/b", "item": "c d"], headers: local))
    #expect(try text(#require(answer.poll())) == #"{"user":"a/b","item":"c d"}"# + "\n")
    #expect(try response(HTTPRequest("GET", "/v1/explain", query: ["user": "u"], headers: local)).status == 400)
  }

  @Test func similarUsersAreCounted() throws {
    let answer = try later(HTTPRequest("GET", "/v1/similar-users", query: ["user": "a/b", "n": "7"], headers: local))
    #expect(try text(#require(answer.poll())) == #"{"user":"a/b","n":7}"# + "\n")
    for query in [["n": "7"], ["user": "u", "n": "0"], ["user": "u", "n": "101"], ["user": "u", "n": "x"]] as [HTTPQuery] {
      #expect(try response(HTTPRequest("GET", "/v1/similar-users", query: query, headers: local)).status == 400)
    }
  }

  // MARK: Models

  @Test func aRollbackIsAJob() throws {
    let answer = try response(HTTPRequest("POST", "/v1/models/7/rollback", headers: local))
    #expect(answer.status == 202)
    #expect(text(answer) == #"{"job":"rollback-1"}"# + "\n")
    #expect(backend.state.withLock { $0.rollbacks } == [7])
    #expect(try response(HTTPRequest("POST", "/v1/models/x/rollback", headers: local)).status == 400)
    #expect(try response(HTTPRequest("POST", "/v1/models/-1/rollback", headers: local)).status == 400)
  }

  @Test func aShadowIsSetAndRemoved() throws {
    func put(_ body: String) throws -> HTTPResponse {
      try response(HTTPRequest("PUT", "/v1/shadow", headers: local, body: Array(body.utf8)))
    }
    #expect(try put(#"{"name":"n","settings":{"model.factors":"96"}}"#).status == 200)
    #expect(try put(#"{"settings":{}}"#).status == 409)
    for body in ["", "[]", #"{"settings":{"model.factors":96}}"#] { #expect(try put(body).status == 400) }
    #expect(try response(HTTPRequest("DELETE", "/v1/shadow", headers: local)).status == 200)
    #expect(backend.state.withLock { $0.modelChanges } == ["shadow n 96", "no shadow"])
  }

  @Test func anImportIsAJob() throws {
    let answer = try response(HTTPRequest("POST", "/v1/models/import", query: ["directory": "/vectors"], headers: local))
    #expect(answer.status == 202 && text(answer) == #"{"job":"import-1"}"# + "\n")
    #expect(try response(HTTPRequest("POST", "/v1/models/import", headers: local)).status == 400)
    let refused = try response(HTTPRequest("POST", "/v1/models/import", query: ["directory": "/x"], headers: local))
    #expect(refused.status == 409 && text(refused).contains("no import: the engine cannot read"))
  }

  @Test func keptModelsAreMarkedReleasedAndRemoved() throws {
    #expect(try response(HTTPRequest("PUT", "/v1/models/7/keep", headers: local)).status == 200)
    #expect(try response(HTTPRequest("DELETE", "/v1/models/7/keep", headers: local)).status == 200)
    #expect(text(try response(HTTPRequest("DELETE", "/v1/models/7", headers: local))) == #"{"epoch":7,"done":"remove"}"# + "\n")
    #expect(backend.state.withLock { $0.modelChanges } == ["keep 7", "release 7", "remove 7"])
    let refused = try response(HTTPRequest("DELETE", "/v1/models/8", headers: local))
    #expect(refused.status == 409 && text(refused).contains("epoch 8 is not kept"))
    #expect(try response(HTTPRequest("PUT", "/v1/models/x/keep", headers: local)).status == 400)
  }

  @Test func whatIsNotPossibleSaysWhy() throws {
    backend.state.withLock { $0.rollback = .impossible("epoch 7 is not kept; kept are 8, 9") }
    let answer = try response(HTTPRequest("POST", "/v1/models/7/rollback", headers: local))
    #expect(answer.status == 409)
    #expect(text(answer).contains("no rollback: epoch 7 is not kept; kept are 8, 9"))
    let promotion = try response(HTTPRequest("POST", "/v1/models/promote", headers: local))
    #expect(promotion.status == 409)
    #expect(text(promotion).contains("there is no shadow model"))
  }

  @Test func retrainsAreResumedAndEverythingIsWrittenAgain() throws {
    #expect(try response(HTTPRequest("POST", "/v1/retrain/resume", headers: local)).status == 202)
    #expect(backend.state.withLock { $0.resumed } == 1)
    #expect(try response(HTTPRequest("POST", "/v1/republish", headers: local)).status == 202)
    backend.state.withLock { $0.republishProblem = "there is no model yet" }
    let refused = try response(HTTPRequest("POST", "/v1/republish", headers: local))
    #expect(refused.status == 503)
    #expect(text(refused).contains("there is no model yet"))
  }

  /// Ids may hold anything, also what a path must not.
  @Test func usersAreNamedInTheQueryOrTheBody() throws {
    let one = try later(HTTPRequest("GET", "/v1/users", query: ["id": "a/b"], headers: local))
    #expect(try text(#require(one.poll())) == #"{"users":[{"id":"a/b"}]}"# + "\n")
    let several = try later(HTTPRequest("POST", "/v1/users", headers: local, body: Array(#"{"ids":["x","y z"]}"#.utf8)))
    #expect(try text(#require(several.poll())) == #"{"users":[{"id":"x"},{"id":"y z"}]}"# + "\n")
    #expect(backend.state.withLock { $0.askedUsers } == ["a/b", "x", "y z"])
  }

  @Test(arguments: ["", "{", "[]", "{}", #"{"ids":[]}"#, #"{"ids":[""]}"#, #"{"ids":[7]}"#, #"{"ids":"u"}"#])
  func aRequestWithoutUsersIsRefused(body: String) throws {
    #expect(try response(HTTPRequest("POST", "/v1/users", headers: local, body: Array(body.utf8))).status == 400)
  }

  @Test func tooManyOrTooLongIdsAreRefused() throws {
    let ids = (0...AdminRoutes.usersMax).map { "\"u\($0)\"" }.joined(separator: ",")
    #expect(try response(HTTPRequest("POST", "/v1/users", headers: local, body: Array("{\"ids\":[\(ids)]}".utf8))).status == 400)
    let long = String(repeating: "a", count: 257)
    #expect(try response(HTTPRequest("GET", "/v1/users", query: ["id": long], headers: local)).status == 400)
    #expect(try response(HTTPRequest("GET", "/v1/users", headers: local)).status == 400)
    #expect(backend.state.withLock { $0.askedUsers } == [])
  }

  @Test func anEngineThatDoesNotAnswerIsNotWaitedForForever() throws {
    backend.state.withLock { $0.answersUsers = false }
    let clock = Mutex<UInt64>(0)
    let waiting = try later(HTTPRequest("GET", "/v1/users", query: ["id": "u"], headers: local)) { clock.withLock { $0 } }
    #expect(waiting.poll() == nil)
    clock.withLock { $0 = 10_000_000_000 }
    #expect(waiting.poll()?.status == 503)
    #expect(waiting.instead().status == 503)
  }

  @Test func metricsPageIsTheRegistryByteForByte() throws {
    backend.registry.counter(.counter("freshet_a_total", "A.", labels: ["topic"]), labels: ["events"]).add(7)
    backend.registry.gauge(.gauge("freshet_b", "B.")).set(1.5)
    let answer = try response(HTTPRequest("GET", "/metrics"))
    #expect(answer.contentType == "text/plain; version=0.0.4; charset=utf-8")
    #expect(
      text(answer) == """
        # HELP freshet_a_total A.
        # TYPE freshet_a_total counter
        freshet_a_total{topic="events"} 7
        # HELP freshet_b B.
        # TYPE freshet_b gauge
        freshet_b 1.5

        """)
  }

  @Test func retrainIsAcceptedWithItsJob() throws {
    let answer = try response(HTTPRequest("POST", "/v1/retrain", headers: local))
    #expect(answer.status == 202)
    #expect(text(answer) == "{\"job\":\"r-1\"}\n")
    #expect(answer.headers == [.init("Location", "/v1/jobs/r-1")])
  }

  @Test func changesAreAuditedAndNothingElseIs() throws {
    let audit = AuditLog(log: .disabled) { 0 }
    let router = AdminRoutes.router(backend: backend, audit: audit)
    backend.set(JobStatus(id: "r-1", state: .running))
    for (method, path) in [
      ("GET", "/v1/status"), ("POST", "/v1/retrain"), ("POST", "/v1/snapshot"), ("DELETE", "/v1/jobs/r-1"), ("DELETE", "/v1/jobs/none"),
    ] { _ = router.answer(HTTPRequest(method, path, headers: local)) }
    #expect(audit.recent().map(\.what) == ["job.cancel r-1", "snapshot.start", "retrain.start"])
    guard case .now(let answer) = router.answer(HTTPRequest("GET", "/v1/audit", headers: local)) else { throw CancellationError() }
    #expect(
      text(answer).hasPrefix(
        #"{"changes":[{"time":"1970-01-01T00:00:00.000Z","who":"unknown","what":"job.cancel r-1","before":{"id":"r-1""#))
  }

  @Test func secondRetrainIsRefusedWithTheRunningJob() throws {
    backend.state.withLock { $0.retrain = .alreadyRunning(jobID: "r-0") }
    let answer = try response(HTTPRequest("POST", "/v1/retrain", query: ["wait": "10"], headers: local))
    #expect(answer.status == 409)
    #expect(text(answer).contains("\"job\":\"r-0\""))
  }

  @Test func engineThatIsNotReadySaysWhy() throws {
    backend.state.withLock { $0.retrain = .notReady("no interactions yet") }
    let answer = try response(HTTPRequest("POST", "/v1/retrain", headers: local))
    #expect(answer.status == 503)
    #expect(text(answer).contains("no interactions yet"))
  }

  @Test(arguments: ["-1", "601", "soon", "nan", ""]) func nonsenseWaitsAreRefusedBeforeAnythingStarts(wait: String) throws {
    let answer = try response(HTTPRequest("POST", "/v1/retrain", query: ["wait": wait], headers: local))
    #expect(answer.status == 400)
    #expect(backend.state.withLock { $0.retrainsRequested } == 0)
  }

  @Test func waitingEndsWithTheJobOrWithTheTime() throws {
    let now = Now()
    let router = AdminRoutes.router(backend: backend, now: { now.nanoseconds.load(ordering: .relaxed) })
    guard case .later(let later) = router.answer(HTTPRequest("POST", "/v1/retrain", query: ["wait": "60"], headers: local)) else {
      throw Unexpected(description: "does not wait")
    }
    #expect(later.poll() == nil)
    backend.set(JobStatus(id: "r-1", state: .running, phase: "train", ratio: 0.5, etaSeconds: 4))
    #expect(later.poll() == nil)
    now.nanoseconds.store(60_000_000_000, ordering: .relaxed)
    let atDeadline = try #require(later.poll())
    #expect(atDeadline.status == 202)
    backend.set(JobStatus(id: "r-1", state: .done, phase: "publish", ratio: 1, result: ["epoch": 3]))
    let atEnd = try #require(later.poll())
    #expect(atEnd.status == 200)
    #expect(
      text(atEnd)
        == #"{"id":"r-1","state":"done","phase":"publish","ratio":1,"eta_seconds":null,"message":"","result":{"epoch":3}}"# + "\n")
  }

  private final class Now: Sendable { let nanoseconds = Atomic<UInt64>(0) }

  @Test func runningJobShowsItsProgress() throws {
    backend.set(JobStatus(id: "r-1", state: .running, phase: "train", ratio: 0.25, etaSeconds: 12.5, message: "half-step 3 of 20"))
    let answer = try response(HTTPRequest("GET", "/v1/jobs/r-1", headers: local))
    #expect(
      text(answer) == #"{"id":"r-1","state":"running","phase":"train","ratio":0.25,"eta_seconds":12.5,"#
        + #""message":"half-step 3 of 20","result":null}"# + "\n")
  }

  @Test func cancellingReachesTheBackend() throws {
    backend.set(JobStatus(id: "r-1", state: .running))
    #expect(try response(HTTPRequest("DELETE", "/v1/jobs/r-1", headers: local)).status == 202)
    #expect(backend.state.withLock { $0.cancelled } == ["r-1"])
  }

  @Test func endedAndUnknownJobsCannotBeCancelled() throws {
    backend.set(JobStatus(id: "r-1", state: .failed))
    #expect(try response(HTTPRequest("DELETE", "/v1/jobs/r-1", headers: local)).status == 409)
    #expect(try response(HTTPRequest("DELETE", "/v1/jobs/r-2", headers: local)).status == 404)
    #expect(try response(HTTPRequest("GET", "/v1/jobs/r-2", headers: local)).status == 404)
  }

  @Test func snapshotIsAcceptedWithItsJob() throws {
    #expect(text(try response(HTTPRequest("POST", "/v1/snapshot", headers: local))) == "{\"job\":\"s-1\"}\n")
  }

  @Test(arguments: [
    [:], ["host": "evil.example"], ["host": "127.0.0.1.evil.example"], ["host": "localhost:"], ["host": "localhost:80x"],
    ["host": "127.0.0.1", "origin": "https://evil.example"], ["host": "127.0.0.1", "origin": "null"],
  ])
  func foreignPagesCannotChangeAnything(headers: [String: String]) throws {
    backend.set(JobStatus(id: "r-1", state: .running))
    #expect(try response(HTTPRequest("POST", "/v1/retrain", headers: headers)).status == 403)
    #expect(try response(HTTPRequest("POST", "/v1/snapshot", headers: headers)).status == 403)
    #expect(try response(HTTPRequest("DELETE", "/v1/jobs/r-1", headers: headers)).status == 403)
    #expect(backend.state.withLock { $0.retrainsRequested } == 0)
  }

  @Test(arguments: [
    ["host": "localhost"], ["host": "LOCALHOST:1"], ["host": "[::1]:9464"], ["host": "127.0.0.1:9", "origin": "http://localhost:3000"],
  ])
  func requestsFromThisMachineAreObeyed(headers: [String: String]) throws {
    #expect(try response(HTTPRequest("POST", "/v1/retrain", headers: headers)).status == 202)
  }
}
