/// Routes requests to handlers by method and path, independently of sockets.
public struct Router: Sendable {
  public typealias Handler = @Sendable (HTTPRequest) -> HTTPAnswer
  /// Called once per answered request with the status and the route's pattern. The path is not passed, because clients can choose it
  /// freely.
  public typealias Observer = @Sendable (_ route: String, _ status: Int) -> Void

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case parameter(String)
  }

  private struct Route: Sendable {
    let method: String
    let pattern: String
    let segments: [Segment]
    let handler: Handler
  }

  private var routes: [Route] = []
  private let observe: Observer

  public init(observe: @escaping Observer = { _, _ in }) {
    self.observe = observe
  }

  /// Adds a route. A segment `{name}` of `pattern` matches any segment that is not empty.
  public mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
    precondition(pattern.hasPrefix("/"), "a pattern starts with a slash, got \(pattern)")
    let segments = Self.split(pattern).map {
      $0.hasPrefix("{") && $0.hasSuffix("}") ? .parameter(String($0.dropFirst().dropLast())) : Segment.literal($0)
    }
    precondition(!routes.contains { $0.method == method && $0.segments == segments }, "\(method) \(pattern) is already there")
    routes.append(Route(method: method, pattern: pattern, segments: segments, handler: handler))
  }

  public func answer(_ request: HTTPRequest) -> HTTPAnswer {
    let candidates = routes.filter { Self.match($0.segments, request.path) != nil }
    guard let first = candidates.first else { return observed("unmatched", .now(notFound(request))) }
    // HEAD is handled as GET; the server omits the body.
    let method = request.method == "HEAD" ? "GET" : request.method
    guard let route = candidates.first(where: { $0.method == method }) else {
      return observed(first.pattern, .now(methodNotAllowed(request, candidates.map(\.method))))
    }
    var request = request
    request.parameters = Self.match(route.segments, request.path) ?? [:]
    return observed(route.pattern, route.handler(request))
  }

  /// Returns `response` in place of the handler's and counts it under the route of the request.
  public func refuse(_ request: HTTPRequest, with response: HTTPResponse) -> HTTPResponse {
    let route = routes.first { Self.match($0.segments, request.path) != nil }
    observe(route?.pattern ?? "unmatched", response.status)
    return response
  }

  // MARK: Dispatch

  private func observed(_ route: String, _ answer: HTTPAnswer) -> HTTPAnswer {
    let observe = observe
    switch answer {
    case .now(let response):
      observe(route, response.status)
      return answer
    case .later(let later):
      return .later(
        LaterResponse(
          poll: {
            guard let response = later.poll() else { return nil }
            observe(route, response.status)
            return response
          },
          instead: {
            let response = later.instead()
            observe(route, response.status)
            return response
          }))
    }
  }

  private func notFound(_ request: HTTPRequest) -> HTTPResponse {
    let known = routes.map { $0.method + " " + $0.pattern }.joined(separator: ", ")
    return .error(404, "there is no \(request.path.prefix(200))", fix: "use one of: \(known)")
  }

  private func methodNotAllowed(_ request: HTTPRequest, _ methods: [String]) -> HTTPResponse {
    let allowed = methods.flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(separator: ", ")
    return .error(
      405, "\(request.path.prefix(200)) does not answer \(request.method.prefix(20))", fix: "use \(allowed)",
      headers: [.init("Allow", allowed)])
  }

  private static func split(_ path: String) -> [String] {
    path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  private static func match(_ segments: [Segment], _ path: String) -> [String: String]? {
    let parts = split(path)
    guard path.hasPrefix("/"), parts.count == segments.count else { return nil }
    var parameters: [String: String] = [:]
    for (segment, part) in zip(segments, parts) {
      switch segment {
      case .literal(let text):
        guard text == part else { return nil }
      case .parameter(let name):
        guard !part.isEmpty else { return nil }
        parameters[name] = part
      }
    }
    return parameters
  }
}
