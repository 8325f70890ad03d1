import HTTPServing
import StreamingRecommender
import Telemetry

// Probes, metrics, and what the engine answers.
extension GatewayService {
  func live(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer { .now(.text("alive\n")) }

  /// Whether lists can be made. True again and still while Redis is away: what is in memory is served.
  func ready(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    if let missing { throw Problem(.unavailable, missing, fix: "wait, or see what the engine says", headers: [.init("Retry-After", "1")]) }
    return .now(.text("ready\n"))
  }

  /// What is not there yet that lists need.
  var missing: String? {
    let view = store.view
    if let problem = store.problem, view.model == nil { return "Redis was never reached: \(problem)" }
    guard let model = view.model else { return "the engine has published no model yet" }
    guard view.catalogue.isLoaded else { return "the catalogue is not read yet" }
    // An engine that publishes no rows has no matrix to wait for.
    if model.served != nil, view.newest == nil { return "the item vectors of epoch \(model.epoch) are not complete yet" }
    return nil
  }

  func metricsPage(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    .now(.text(metrics.registry.render(), contentType: PrometheusText.contentType))
  }

  /// Sets what is read only when the page is made.
  func collect() {
    let view = store.view
    let registry = metrics.registry
    registry.gauge(GatewayMetrics.matrixEpoch).set(Double(view.newest?.epoch ?? 0))
    registry.gauge(GatewayMetrics.matrixItems).set(Double(view.newest?.vectorCount ?? 0))
    registry.gauge(GatewayMetrics.redisUp).set(store.problem == nil ? 1 : 0)
    registry.gauge(GatewayMetrics.ready).set(missing == nil ? 1 : 0)
    if let trend = view.trend {
      registry.gauge(GatewayMetrics.trendAge).set(Double(max(0, WallClock.milliseconds() - trend.blob.madeAtMilliseconds)) / 1_000)
    }
  }

  func explained(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    try ask(.explanation(user: request.parameters["user"] ?? "", item: request.parameters["item"] ?? ""))
  }

  static let similarUsersCount = RequestOption("n", .integer(1...100), "The number of users, 1 to 100; 10 unless given.")

  func similarUsers(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let values = try OptionValues(request.query, [Self.similarUsersCount])
    return try ask(.similarUsers(user: request.parameters["user"] ?? "", count: values.integer("n") ?? 10))
  }

  private func ask(_ question: EngineQuestion) throws(Problem) -> HTTPAnswer {
    guard let engine else {
      throw Problem(
        .notConfigured, "this gateway does not know the engine", fix: "set gateway.engine to the engine's admin address")
    }
    return try engine.answer(question)
  }
}
