import HTTPServing
import Synchronization
import Telemetry

/// Routes of every kind that the server must carry: plain, with a body, and those that answer later.
final class TestApplication: Sendable {
  private struct State {
    var jobs: [String: String] = [:]
    var jobsStarted = 0
  }

  private let state = Mutex(State())
  let registry = MetricRegistry()

  var jobsStarted: Int { state.withLock { $0.jobsStarted } }
  func set(_ job: String, _ value: String) { state.withLock { $0.jobs[job] = value } }
  private func job(_ id: String) -> String? { state.withLock { $0.jobs[id] } }

  func router(observe: @escaping Router.Observer = { _, _ in }) -> Router {
    var router = Router(observe: observe)
    router.add("GET", "/livez") { _ in .now(.text("ok\n")) }
    router.add("GET", "/readyz") { _ in .now(.json(["ok": true] as JSONValue)) }
    router.add("GET", "/metrics") { _ in .now(.text(self.registry.render(), contentType: PrometheusText.contentType)) }
    router.add("GET", "/v1/status") { _ in .now(.json(["users": 3] as JSONValue)) }
    router.add("GET", "/v1/jobs/{id}") { request in
      let id = request.parameters["id"] ?? ""
      return .now(self.job(id).map { Self.json(id, $0) } ?? .error(404, "there is no job \(id)", fix: "start one"))
    }
    router.add("POST", "/v1/jobs") { self.startJob($0) }
    return router
  }

  private func startJob(_ request: HTTPRequest) -> HTTPAnswer {
    state.withLock { $0.jobsStarted += 1 }
    let accepted = HTTPResponse.json(["job": "r-1"] as JSONValue, status: 202)
    guard let seconds = request.query["wait"].flatMap(Double.init) else { return .now(accepted) }
    let deadline = MonotonicClock.nanoseconds() + UInt64(seconds * 1e9)
    return .later(
      LaterResponse(
        poll: {
          if let state = self.job("r-1"), state != "running" { return Self.json("r-1", state) }
          return MonotonicClock.nanoseconds() < deadline ? nil : accepted
        },
        instead: { .json(["hint": "poll GET /v1/jobs/r-1"] as JSONValue, status: 202) }))
  }

  private static func json(_ id: String, _ state: String) -> HTTPResponse {
    .json(["id": .string(id), "state": .string(state)] as JSONValue)
  }
}
