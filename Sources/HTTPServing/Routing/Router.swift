import Telemetry

/// Routes requests to handlers by method and path, independently of sockets, and applies what holds for all of them: who is let in, how
/// often, and what web pages may read.
public struct Router: Sendable {
  /// A thrown problem is the response. A closure that throws one says so: `{ (request) throws(Problem) in ... }`.
  public typealias Handler = @Sendable (HTTPRequest) throws(Problem) -> HTTPAnswer
  /// Called once per answered request with the status and the route's pattern. The path is not passed, because clients can choose it
  /// freely.
  public typealias Observer = @Sendable (_ route: String, _ status: Int) -> Void

  struct Route: Sendable {
    let method: String
    let pattern: PathPattern
    let options: RouteOptions
    let handler: Handler
  }

  /// Where a request goes.
  enum Match: Sendable {
    case route(Route, parameters: [String: String])
    /// OPTIONS of a path, with the methods that it answers; the route is one of the path.
    case options(methods: String, Route?)
    case wrongMethod(allowed: String, Route)
    case noRoute
    case malformedPath

    /// The route of the path, whether or not the request gets to its handler.
    var route: Route? {
      switch self {
      case .route(let route, _), .wrongMethod(_, let route): route
      case .options(_, let route): route
      case .noRoute, .malformedPath: nil
      }
    }

    var bodyBytesMax: Int? {
      guard case .route(let route, _) = self else { return nil }
      return route.options.bodyBytesMax
    }
  }

  private var routes: [Route] = []
  /// By the number of segments, more specific patterns first.
  private var candidates: [Int: [Route]] = [:]
  public var policy: RouterPolicy
  private let observe: Observer

  public init(policy: RouterPolicy = RouterPolicy(), observe: @escaping Observer = { _, _ in }) {
    self.policy = policy
    self.observe = observe
  }

  /// Adds a route. A segment `{name}` of `pattern` matches any segment that is not empty; a pattern with a literal in its place goes first.
  public mutating func add(
    _ method: String, _ pattern: String, options: RouteOptions = RouteOptions(), _ handler: @escaping Handler
  ) {
    let pattern = PathPattern(pattern)
    let isNew = !routes.contains { $0.method == method && $0.pattern.isEquivalent(to: pattern) }
    precondition(isNew, "\(method) \(pattern.text) is already there")
    let route = Route(method: method, pattern: pattern, options: options, handler: handler)
    routes.append(route)
    var others = candidates[pattern.segments.count, default: []]
    others.insert(route, at: others.firstIndex { pattern.isMoreSpecific(than: $0.pattern) } ?? others.count)
    candidates[pattern.segments.count] = others
  }

  /// Method and pattern of every route.
  public var methodsAndPatterns: [(method: String, pattern: String)] { routes.map { ($0.method, $0.pattern.text) } }

  public func answer(_ request: HTTPRequest) -> HTTPAnswer {
    let match = match(request)
    var request = request
    switch admission(request, match) {
    case .admitted(let caller): request.caller = caller
    case .refused(let response): return .now(conclude(response, request, match))
    }
    return handle(request, match)
  }

  // MARK: - Matching

  func match(_ request: HTTPRequest) -> Match {
    guard request.rawPath.utf8.first == UInt8(ascii: "/") else {
      guard request.method == "OPTIONS", request.rawPath == "*" else { return .noRoute }
      return .options(methods: Self.allowed(routes.map(\.method)), nil)
    }
    guard let parts = PathPattern.split(request.rawPath) else { return .malformedPath }
    // HEAD is handled as GET; the server omits the body.
    let method = request.method == "HEAD" ? "GET" : request.method
    var other: Route?
    for route in candidates[parts.count] ?? [] where route.pattern.matches(parts) {
      if route.method == method { return .route(route, parameters: route.pattern.parameters(parts)) }
      other = other ?? route
    }
    guard let other else { return .noRoute }
    let methods = Self.allowed((candidates[parts.count] ?? []).filter { $0.pattern.matches(parts) }.map(\.method))
    return request.method == "OPTIONS" ? .options(methods: methods, other) : .wrongMethod(allowed: methods, other)
  }

  private static func allowed(_ methods: [String]) -> String {
    var names: [String] = []
    for name in methods.flatMap({ $0 == "GET" ? ["GET", "HEAD"] : [$0] }) + ["OPTIONS"] where !names.contains(name) { names.append(name) }
    return names.joined(separator: ", ")
  }

  // MARK: - Answering

  /// What the head of a request decides.
  enum Admission: Sendable {
    case admitted(Caller)
    case refused(HTTPResponse)
  }

  func admission(_ request: HTTPRequest, _ match: Match) -> Admission {
    guard case .route(let route, _) = match else { return .refused(refusal(request, match)) }
    do { return .admitted(try admit(request, route)) } catch { return .refused(response(error, request)) }
  }

  private func admit(_ request: HTTPRequest, _ route: Route) throws(Problem) -> Caller {
    let cors = cors(route)
    do {
      let caller = try policy.access.admit(request, route.options.requirement, allowsOrigin: cors.names)
      if route.options.isLimited, route.options.requirement != .probe { try policy.limiter?.admit(caller) }
      return caller
    } catch  where error.type == .unauthorized {
      // Guessing tokens is limited as well.
      try policy.limiter?.admit(request.caller)
      throw error
    }
  }

  /// The handler's answer to a request that was let in.
  func handle(_ request: HTTPRequest, _ match: Match) -> HTTPAnswer {
    guard case .route(let route, let parameters) = match else { return .now(conclude(refusal(request, match), request, match)) }
    let start = policy.observeDuration == nil ? 0 : MonotonicClock.nanoseconds()
    var request = request
    request.parameters = parameters
    do {
      return concluded(try route.handler(request), request, route, start)
    } catch {
      return concluded(.now(response(error, request)), request, route, start)
    }
  }

  /// The response to a request that no handler gets.
  private func refusal(_ request: HTTPRequest, _ match: Match) -> HTTPResponse {
    let path = request.path.prefix(200)
    switch match {
    case .options(let methods, let route):
      let cors = cors(route).preflightHeaders(request, methods: methods)
      return .empty(204, headers: [.init("Allow", methods)] + cors)
    case .wrongMethod(let allowed, _):
      return response(
        Problem(
          .methodNotAllowed, "\(path) does not answer \(request.method.prefix(20))", fix: "use \(allowed)",
          headers: [.init("Allow", allowed)]), request)
    case .malformedPath:
      return response(
        Problem(
          .badRequest, "the path has an escape that is malformed, a NUL, or bytes that are not UTF-8",
          fix: "write each byte of a segment's UTF-8 that is no letter, digit, `-`, `.`, `_` or `~` as %XX"), request)
    case .noRoute, .route:
      let known = routes.map { $0.method + " " + $0.pattern.text }.joined(separator: ", ")
      return response(Problem(.notFound, "there is no \(path)", fix: "use one of: \(known)"), request)
    }
  }

  /// The problem as a response of this router.
  func response(_ problem: Problem, _ request: HTTPRequest) -> HTTPResponse {
    var problem = policy.writesErrorMember ? problem.withErrorMember : problem
    // What the client sent, as it sent it; longer ones it knows itself.
    if problem.instance == nil, request.rawPath.utf8.count <= 512 { problem.instance = request.rawPath }
    return problem.response
  }

  // MARK: - What every response gets

  private func cors(_ route: Route?) -> CORSPolicy { route?.options.cors ?? policy.cors }

  /// Completes a response that no handler gave, and counts it under the route of the request.
  func conclude(_ response: HTTPResponse, _ request: HTTPRequest, _ match: Match) -> HTTPResponse {
    conclude(response, request, match.route)
  }

  private func conclude(_ response: HTTPResponse, _ request: HTTPRequest, _ route: Route?) -> HTTPResponse {
    observe(route?.pattern.text ?? "unmatched", response.status)
    var response = response
    response.headers += cors(route).headers(request)
    if let route, !route.options.compresses { response.isCompressible = false }
    return response
  }

  private func concluded(_ answer: HTTPAnswer, _ request: HTTPRequest, _ route: Route, _ start: UInt64) -> HTTPAnswer {
    if case .now(let response) = answer { return .now(concluded(response, request, route, start)) }
    // Who waits needs no body.
    var head = request
    head.body = []
    let conclude: @Sendable (HTTPResponse) -> HTTPResponse = { [head] in concluded($0, head, route, start) }
    switch answer {
    case .now(let response): return .now(conclude(response))
    case .later(let later): return .later(LaterResponse(poll: { later.poll().map(conclude) }, instead: { conclude(later.instead()) }))
    case .push(var push):
      push.conclude = conclude
      return .push(push)
    }
  }

  private func concluded(_ response: HTTPResponse, _ request: HTTPRequest, _ route: Route, _ start: UInt64) -> HTTPResponse {
    policy.observeDuration?(route.pattern.text, MonotonicClock.nanoseconds() - start)
    return conclude(response, request, route)
  }
}
