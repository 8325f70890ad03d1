import Foundation
import HTTPServing
import Telemetry

/// The routes of the control plane over an `AdminBackend`.
public enum AdminRoutes {
  public static let waitSecondsMax = 600.0

  /// Every route. Adding one here is all that it takes.
  public static let table: [AdminRoute] = consoleTable + engineTable

  private static let engineTable: [AdminRoute] = [
    AdminRoute(
      method: "GET", path: "/livez", sentence: "Whether the engine's loop runs; restart the process if it does not.",
      parameters: [verbose], answers: health(ok: "It runs."), isProbe: true
    ) { .now(answer($1.backend.liveness(), $0)) },
    AdminRoute(
      method: "GET", path: "/readyz", sentence: "Whether this engine publishes fresh lists.", parameters: [verbose],
      answers: health(ok: "It does."), isProbe: true
    ) { .now(answer($1.backend.readiness(), $0)) },
    AdminRoute(
      method: "GET", path: "/startupz", sentence: "Whether the start is complete.", parameters: [verbose],
      answers: health(ok: "It is."), isProbe: true
    ) { .now(answer($1.backend.startup(), $0)) },
    AdminRoute(
      method: "GET", path: "/metrics", sentence: "All metrics in Prometheus' text format 0.0.4; [metrics.md](metrics.md) lists them.",
      answers: [(200, "The page.")], isProbe: true
    ) { .now(.text($1.backend.metricsText(), contentType: PrometheusText.contentType)) },
    AdminRoute(
      method: "GET", path: "/v1/status", sentence: "The state of the engine, of Kafka, Redis and the retrain, and what is wrong.",
      parameters: [
        ("state_hash", "`true`: with a hash of the whole state, which takes a pass over it. Equal logs give equal hashes.")
      ], answers: [(200, "A JSON object; `freshet status` prints it as a table.")]
    ) { .now(.json($1.backend.statusJSON(withStateHash: $0.query["state_hash"] == "true"))) },
    AdminRoute(
      method: "GET", path: "/v1/models", sentence: "The records of the latest retrains, newest first.",
      answers: [(200, "A JSON object with `epoch`, the newest number, and `models`.")]
    ) { .now(.json($1.backend.modelsJSON())) },
    AdminRoute(
      method: "GET", path: "/v1/users", sentence: "What the engine holds of one user.", exampleOfPath: "/v1/users -G -d id=u1",
      parameters: [("id", "The id of the user.")], answers: userAnswers
    ) { request, context in findUsers(request.query["id"].map { [$0] }, context) },
    AdminRoute(
      method: "POST", path: "/v1/users", sentence: "What the engine holds of several users; the body is `{\"ids\": [\"u1\", \"u2\"]}`.",
      exampleOfPath: #"/v1/users -d '{"ids":["u1","u2"]}'"#, answers: userAnswers
    ) { request, context in findUsers(ids(in: request.body), context) },
    explain,
    similarUsers,
    AdminRoute(
      method: "POST", path: "/v1/retrain", sentence: "Starts a retrain.", parameters: [wait], answers: started("retrain"), role: .admin
    ) { request, context in startJob(request, context, what: "retrain") { context.backend.requestRetrain() } },
    AdminRoute(
      method: "POST", path: "/v1/retrain/resume", sentence: "Lets retrains start by themselves again after a rollback.",
      answers: [(202, "They do.")], role: .admin
    ) { request, context in
      context.backend.resumeRetrains()
      context.audit.record(request.caller, "retrain.resume")
      return .now(.json(["resumed": true], status: 202))
    },
    AdminRoute(
      method: "POST", path: "/v1/models/{epoch}/rollback",
      sentence: "Makes a new epoch with the item vectors of a kept one. Retrains then wait for POST /v1/retrain or /v1/retrain/resume.",
      exampleOfPath: "/v1/models/7/rollback", parameters: [("epoch", "An epoch of `kept_epochs`."), wait], answers: started("rollback"),
      role: .admin
    ) { request, context in
      guard let epoch = request.parameters["epoch"].flatMap({ UInt32($0) }) else {
        return .now(.error(400, "the epoch must be a number", fix: "POST /v1/models/7/rollback"))
      }
      return startJob(request, context, what: "rollback", path: "models/\(epoch)/rollback") { context.backend.requestRollback(to: epoch) }
    },
    AdminRoute(
      method: "POST", path: "/v1/models/promote", sentence: "Makes a new epoch of the shadow model, with its settings.", parameters: [wait],
      answers: started("promotion"), role: .admin
    ) { request, context in
      startJob(request, context, what: "promotion", path: "models/promote") { context.backend.requestPromotion() }
    },
    AdminRoute(
      method: "PUT", path: "/v1/shadow",
      sentence: "Compares another model with the one in use, also after a restart; the body is "
        + "`{\"name\": \"more-factors\", \"settings\": {\"model.factors\": \"96\"}}`. It is trained as soon as nothing else is.",
      exampleOfPath: #"/v1/shadow -d '{"settings":{"model.factors":"96"}}'"#,
      answers: [
        (200, "The shadow is set; the object has `settings`."), (400, "The body is not such an object."),
        (409, "It is not possible, for the reason in `detail`."),
      ],
      role: .admin
    ) { .now(setShadow($0, $1)) },
    AdminRoute(
      method: "DELETE", path: "/v1/shadow", sentence: "Returns to the shadow of the configuration (`shadow.settings`), or to none.",
      answers: [(200, "The shadow of the configuration is back."), (409, "It is not possible, for the reason in `detail`.")], role: .admin
    ) { request, context in
      if let why = context.backend.removeShadow() { return .now(.error(409, why, fix: "see the engine's log")) }
      context.audit.record(request.caller, "shadow.remove")
      return .now(.json(["shadow": "removed"]))
    },
    AdminRoute(
      method: "POST", path: "/v1/models/import",
      sentence: "Makes a new epoch of vectors that another program has left in a directory of the engine's machine (`item_factors.npy`, "
        + "`item_ids.txt`), through the same quality gate as a retrain.",
      exampleOfPath: "/v1/models/import?directory=/srv/vectors",
      parameters: [("directory", "An absolute path."), wait], answers: started("import"), role: .admin
    ) { request, context in
      guard let directory = request.query["directory"] else {
        return .now(.error(400, "name the directory", fix: "POST /v1/models/import?directory=/srv/vectors"))
      }
      return startJob(request, context, what: "import", path: "models/import") { context.backend.requestImport(of: directory) }
    },
    AdminRoute(
      method: "PUT", path: "/v1/models/{epoch}/keep",
      sentence: "Marks a kept epoch, so that newer ones do not replace it; it does not count for `retrain.keep_epochs`.",
      exampleOfPath: "/v1/models/7/keep", parameters: [keptEpoch], answers: changed("It is marked."), role: .admin
    ) { request, context in changeModel(request, context, "keep") { context.backend.markModel($0, isKept: true) } },
    AdminRoute(
      method: "DELETE", path: "/v1/models/{epoch}/keep", sentence: "Takes the mark of an epoch away.",
      exampleOfPath: "/v1/models/7/keep", parameters: [keptEpoch], answers: changed("It is not marked any more."), role: .admin
    ) { request, context in changeModel(request, context, "release") { context.backend.markModel($0, isKept: false) } },
    AdminRoute(
      method: "DELETE", path: "/v1/models/{epoch}", sentence: "Removes a kept epoch that is not in use, from `retrain.epoch_store`, too.",
      exampleOfPath: "/v1/models/7", parameters: [keptEpoch], answers: changed("It is removed."), role: .admin
    ) { request, context in changeModel(request, context, "remove") { context.backend.removeModel($0) } },
    AdminRoute(
      method: "POST", path: "/v1/republish",
      sentence: "Writes vectors, the lists of all users, similar items and documents to Redis again, at the pace of a roll-out.",
      answers: [(202, "It has started; `redis.rollout` of /v1/status shows how far it is."), (503, "It cannot start now.")], role: .admin
    ) { request, context in
      if let why = context.backend.republish() {
        return .now(.error(503, "no republishing now: \(why)", fix: "see GET /v1/status", headers: [.init("Retry-After", "5")]))
      }
      context.audit.record(request.caller, "republish")
      return .now(.json(["republishing": true], status: 202))
    },
    AdminRoute(
      method: "POST", path: "/v1/snapshot", sentence: "Writes a snapshot.", parameters: [wait], answers: started("snapshot"), role: .admin
    ) { request, context in startJob(request, context, what: "snapshot") { context.backend.requestSnapshot() } },
    AdminRoute(
      method: "GET", path: "/v1/jobs/{id}", sentence: "The state of a retrain or a snapshot.", parameters: [id],
      answers: [
        (200, "A JSON object with `id`, `state`, `phase`, `ratio`, `eta_seconds`, `message` and `result`."),
        (404, "There is no such job; the latest 50 are kept."),
      ]
    ) { request, context in
      let id = request.parameters["id"] ?? ""
      return .now(context.backend.job(id).map { .json($0.json) } ?? unknownJob(id))
    },
    AdminRoute(
      method: "DELETE", path: "/v1/jobs/{id}", sentence: "Cancels a retrain whose model is not in use yet.", parameters: [id],
      answers: [
        (202, "It is being cancelled."), (404, "There is no such job."), (409, "It has ended, or its model is being published."),
      ], role: .admin
    ) { .now(cancel($0, $1)) },
    AdminRoute(
      method: "GET", path: "/v1/audit", sentence: "Who changed what over this server, newest first: the last \(AuditLog.countMax) changes.",
      answers: [
        (
          200,
          "A JSON object with `changes`: for each its `time`, `who` (the name of a token or an address), `what`, and what was there `before` "
            + "and `after`. Every change is in the engine's log, too."
        )
      ], role: .admin
    ) { .now(.json(["changes": .array($1.audit.recent().map(\.json))])) },
  ]

  private static let keptEpoch = (name: "epoch", sentence: "An epoch of `kept_epochs`.")

  private static func changed(_ sentence: String) -> [(status: Int, sentence: String)] {
    [
      (200, "\(sentence) The object has `epoch` and `done`."), (400, "The epoch is not a number."),
      (409, "It is not possible, for the reason in `detail`."),
    ]
  }

  private static func setShadow(_ request: HTTPRequest, _ context: AdminRoute.Context) -> HTTPResponse {
    struct Body: Decodable {
      var name: String?
      var settings: [String: String]
    }
    guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body)) else {
      return .error(400, "the body is no object with settings, whose values are texts", fix: #"{"settings": {"model.factors": "96"}}"#)
    }
    if let why = context.backend.setShadow(name: body.name, settings: body.settings) {
      return .error(409, "no such shadow: \(why)", fix: "see shadow.settings in docs/configuration.md")
    }
    let settings = JSONValue.object(body.settings.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
    context.audit.record(request.caller, "shadow.set", after: ["settings": settings])
    return .json(["shadow": "set", "settings": settings])
  }

  private static func changeModel(
    _ request: HTTPRequest, _ context: AdminRoute.Context, _ verb: String, _ change: (UInt32) -> String?
  ) -> HTTPAnswer {
    guard let epoch = request.parameters["epoch"].flatMap({ UInt32($0) }) else {
      return .now(.error(400, "the epoch must be a number", fix: "see kept_epochs of GET /v1/models"))
    }
    if let why = change(epoch) { return .now(.error(409, why, fix: "see kept_epochs of GET /v1/models")) }
    context.audit.record(request.caller, "models/\(epoch)/\(verb)")
    return .now(.json(["epoch": .integer(Int(epoch)), "done": .string(verb)]))
  }

  private static let verbose = (name: "verbose", sentence: "A JSON object with every check instead of text.")
  private static let wait = (
    name: "wait", sentence: "Seconds, at most \(Int(waitSecondsMax)), to wait for the end; without it the answer comes at once."
  )
  private static let id = (name: "id", sentence: "The `job` of the answer that started it.")

  private static func health(ok: String) -> [(status: Int, sentence: String)] {
    [(200, "\(ok) The text is `ok`."), (503, "It does not; the text says why.")]
  }

  private static func started(_ what: String) -> [(status: Int, sentence: String)] {
    [
      (200, "With `wait`: the ended job, as GET /v1/jobs/{id} shows it."), (202, "It has started; `job` is its id."),
      (400, "`wait` is not such a number."),
      (409, "A job is running already, and `job` is its id; or it is not possible, for the reason in `detail`."),
      (503, "It cannot start now."),
    ]
  }

  /// The routes over a backend; `access` says who may use them, `audit` keeps what they changed, `now` is the clock for `?wait=`.
  public static func router(
    backend: any AdminBackend, access: AccessControl = .thisMachine, audit: AuditLog = AuditLog(log: .disabled),
    now: @escaping @Sendable () -> UInt64 = { MonotonicClock.nanoseconds() }, observe: @escaping Router.Observer = { _, _ in }
  ) -> Router {
    router(table, AdminRoute.Context(backend: backend, audit: audit, now: now), access, observe)
  }

  /// The routes that tell about health, for a server without a token.
  public static func probes(backend: any AdminBackend, observe: @escaping Router.Observer = { _, _ in }) -> Router {
    let context = AdminRoute.Context(backend: backend, audit: AuditLog(log: .disabled), now: { MonotonicClock.nanoseconds() })
    return router(table.filter(\.isProbe), context, .thisMachine, observe)
  }

  private static func router(
    _ routes: [AdminRoute], _ context: AdminRoute.Context, _ access: AccessControl, _ observe: @escaping Router.Observer
  ) -> Router {
    var policy = RouterPolicy(access: access)
    policy.writesErrorMember = true
    var router = Router(policy: policy, observe: observe)
    for route in routes {
      let options = RouteOptions(requirement: route.isOpen ? .nothing : route.isProbe ? .probe : .role(route.role))
      router.add(route.method, route.path, options: options) { route.handler($0, context) }
    }
    return router
  }

  // MARK: - Health

  private static func answer(_ report: HealthReport, _ request: HTTPRequest) -> HTTPResponse {
    let status = report.ok ? 200 : 503
    if request.query["verbose"] != nil {
      return .json(["ok": .bool(report.ok), "checks": .array(report.checks.map(\.json))], status: status)
    }
    guard !report.ok else { return .text("ok\n") }
    let failing = report.checks.filter { !$0.ok }.map { Redaction.text("\($0.name): \($0.message)\n") }
    return .text("not ok\n" + failing.joined(), status: status)
  }

  // MARK: - Users

  public static let usersMax = 1000
  static let idBytesMax = 256
  static let usersWaitSeconds: UInt64 = 5

  private static let userAnswers: [(status: Int, sentence: String)] = [
    (
      200,
      "A JSON object with `users`: for each its `id`, whether it is `known`, its `pairs`, whether it has a `vector`, the `partition` "
        + "where its events belong, and `removal`: `none`, or after a tombstone `pending` until Redis has removed its keys, then `confirmed` "
        + "(at `removed_ms`) for as long as a list can live; `merged_into` is the user whose history has the events of a merged id."
    ),
    (400, "There is no id, one that is empty or longer than \(idBytesMax) bytes, or more than \(usersMax)."),
    (503, "The engine did not answer in time."),
  ]

  private static func ids(in body: [UInt8]) -> [String]? {
    ((try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any])?["ids"] as? [String]
  }

  /// The engine answers between two batches of records, so the response comes a moment later.
  private static func findUsers(_ ids: [String]?, _ context: AdminRoute.Context) -> HTTPAnswer {
    guard let ids, !ids.isEmpty, ids.count <= usersMax, ids.allSatisfy({ 1...idBytesMax ~= $0.utf8.count }) else {
      return .now(
        .error(
          400, "name 1 to \(usersMax) ids of 1 to \(idBytesMax) bytes", fix: #"GET /v1/users?id=u1, or POST /v1/users with {"ids":["u1"]}"#)
      )
    }
    let answer = context.backend.users(ids)
    return .later(LaterResponse({ answer().map { .json($0) } }, within: usersWaitSeconds, context, instead: late))
  }

  // MARK: - Jobs

  private static func startJob(
    _ request: HTTPRequest, _ context: AdminRoute.Context, what: String, path: String? = nil, start: () -> JobRequestOutcome
  ) -> HTTPAnswer {
    let wait = request.query["wait"]
    let seconds = wait.flatMap(Double.init)
    if wait != nil, !(seconds.map { $0 >= 0 && $0 <= waitSecondsMax } ?? false) {
      return .now(
        .error(400, "wait must be a number of seconds from 0 to \(Int(waitSecondsMax))", fix: "POST /v1/\(path ?? what)?wait=60"))
    }
    switch start() {
    case .accepted(let id):
      context.audit.record(request.caller, "\(what).start", after: ["job": .string(id)])
      guard let seconds, seconds > 0 else { return .now(accepted(id)) }
      return .later(ending(id, context.backend, context.now, deadline: context.now() + UInt64(seconds * 1e9)))
    case .alreadyRunning(let id):
      var problem = Problem(.conflict, "\(id) is running already", fix: "follow it with GET /v1/jobs/\(id)")
      problem.members = [.init("job", .string(id))]
      return .now(problem.withErrorMember.response)
    case .impossible(let reason):
      return .now(.error(409, "no \(what): \(reason)", fix: "see GET /v1/models"))
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

  private static func cancel(_ request: HTTPRequest, _ context: AdminRoute.Context) -> HTTPResponse {
    let (id, backend) = (request.parameters["id"] ?? "", context.backend)
    let before = backend.job(id)?.json ?? .null
    if backend.cancelJob(id) {
      context.audit.record(request.caller, "job.cancel \(id)", before: before, after: ["cancelling": true])
      return .json(["job": .string(id), "cancelling": true], status: 202)
    }
    guard let job = backend.job(id) else { return unknownJob(id) }
    return .error(409, "job \(id.prefix(100)) cannot be cancelled, its state is \(job.state.rawValue)", fix: "see GET /v1/jobs/\(job.id)")
  }

  private static func unknownJob(_ id: String) -> HTTPResponse {
    .error(404, "there is no job \(id.prefix(100))", fix: "take the id from the answer to POST /v1/retrain")
  }
}
