import Telemetry

/// The routes of the control plane over an `AdminBackend`.
public enum AdminRoutes {
  public static let waitSecondsMax = 600.0

  /// `now` is the clock for `?wait=`.
  public static func router(
    backend: any AdminBackend,
    now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() },
    observe: @escaping Router.Observer = { _, _ in }
  ) -> Router {
    var router = Router(observe: observe)
    router.add("GET", "/livez") { .now(health(backend.liveness(), $0)) }
    router.add("GET", "/readyz") { .now(health(backend.readiness(), $0)) }
    router.add("GET", "/startupz") { .now(health(backend.startup(), $0)) }
    router.add("GET", "/metrics") { _ in .now(.text(backend.metricsText(), contentType: PrometheusText.contentType)) }
    router.add("GET", "/v1/status") { request in
      .now(
        LocalRequestPolicy.refusal(request) ?? .json(backend.statusJSON(withStateHash: request.query["state_hash"] == "true")))
    }
    router.add("GET", "/v1/models") { .now(LocalRequestPolicy.refusal($0) ?? .json(backend.modelsJSON())) }
    router.add("POST", "/v1/retrain") { request in
      startJob(request, backend, now, what: "retrain") { backend.requestRetrain() }
    }
    router.add("POST", "/v1/snapshot") { request in
      startJob(request, backend, now, what: "snapshot") { backend.requestSnapshot() }
    }
    router.add("GET", "/v1/jobs/{id}") { request in
      if let refusal = LocalRequestPolicy.refusal(request) { return .now(refusal) }
      let id = request.parameters["id"] ?? ""
      return .now(backend.job(id).map { .json($0.json) } ?? unknownJob(id))
    }
    router.add("DELETE", "/v1/jobs/{id}") { .now(cancel($0, backend)) }
    return router
  }

  // MARK: - Health

  private static func health(_ report: HealthReport, _ request: HTTPRequest) -> HTTPResponse {
    let status = report.ok ? 200 : 503
    if request.query["verbose"] != nil {
      return .json(["ok": .bool(report.ok), "checks": .array(report.checks.map(\.json))], status: status)
    }
    guard !report.ok else { return .text("ok\n") }
    let failing = report.checks.filter { !$0.ok }.map { Redaction.text("\($0.name): \($0.message)\n") }
    return .text("not ok\n" + failing.joined(), status: status)
  }

  // MARK: - Jobs

  private static func startJob(
    _ request: HTTPRequest, _ backend: any AdminBackend, _ now: @escaping @Sendable () -> UInt64, what: String,
    start: () -> JobRequestOutcome
  ) -> HTTPAnswer {
    if let refusal = LocalRequestPolicy.refusal(request) { return .now(refusal) }
    let wait = request.query["wait"]
    let seconds = wait.flatMap(Double.init)
    if wait != nil, !(seconds.map { $0 >= 0 && $0 <= waitSecondsMax } ?? false) {
      return .now(
        .error(400, "wait must be a number of seconds from 0 to \(Int(waitSecondsMax))", fix: "POST /v1/\(what)?wait=60"))
    }
    switch start() {
    case .accepted(let id):
      guard let seconds, seconds > 0 else { return .now(accepted(id)) }
      return .later(ending(id, backend, now, deadline: now() + UInt64(seconds * 1e9)))
    case .alreadyRunning(let id):
      return .now(
        .json(
          ["error": .string("a \(what) is running already"), "fix": .string("follow it with GET /v1/jobs/\(id)"), "job": .string(id)]
            as JSONValue, status: 409))
    case .notReady(let reason):
      return .now(
        .error(503, "no \(what) now: \(reason)", fix: "see GET /readyz?verbose and try again", headers: [.init("Retry-After", "5")]))
    }
  }

  private static func accepted(_ id: String) -> HTTPResponse {
    .json(["job": .string(id)], status: 202, headers: [.init("Location", "/v1/jobs/\(id)")])
  }

  /// The ended job with 200, or at the deadline the running one with 202. A job that the backend does not show yet counts as running.
  private static func ending(
    _ id: String, _ backend: any AdminBackend, _ now: @escaping @Sendable () -> UInt64, deadline: UInt64
  ) -> LaterResponse {
    LaterResponse(
      poll: {
        let job = backend.job(id)
        if let job, job.state.hasEnded { return .json(job.json) }
        guard now() >= deadline else { return nil }
        return job.map { .json($0.json, status: 202) } ?? accepted(id)
      },
      instead: {
        .json(
          [
            "job": .string(id),
            "hint": .string("accepted, but too many requests wait already or the server stops; poll GET /v1/jobs/\(id)"),
          ], status: 202,
          headers: [.init("Location", "/v1/jobs/\(id)")])
      })
  }

  private static func cancel(_ request: HTTPRequest, _ backend: any AdminBackend) -> HTTPResponse {
    if let refusal = LocalRequestPolicy.refusal(request) { return refusal }
    let id = request.parameters["id"] ?? ""
    if backend.cancelJob(id) { return .json(["job": .string(id), "cancelling": true], status: 202) }
    guard let job = backend.job(id) else { return unknownJob(id) }
    return .error(409, "job \(id.prefix(100)) cannot be cancelled, its state is \(job.state.rawValue)", fix: "see GET /v1/jobs/\(job.id)")
  }

  private static func unknownJob(_ id: String) -> HTTPResponse {
    .error(404, "there is no job \(id.prefix(100))", fix: "take the id from the answer to POST /v1/retrain")
  }
}
