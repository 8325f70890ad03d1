/// Which web pages of other origins may read responses (cross-origin resource sharing).
public struct CORSPolicy: Sendable, Equatable {
  public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
  }

  public static let none = CORSPolicy()

  private let origins: Set<String>
  private let allowsAll: Bool
  private let allowsCredentials: Bool
  private let maxAgeSeconds: Int

  private init() {
    origins = []
    allowsAll = false
    allowsCredentials = false
    maxAgeSeconds = 0
  }

  /// - Parameters:
  ///   - origins: such as `https://shop.example`, or `*` alone for all.
  ///   - allowsCredentials: whether pages may send cookies; not together with `*`, which would lend every page the user's rights. A token
  ///     in the header Authorization does not need it.
  ///   - maxAgeSeconds: how long browsers may remember what a route allows.
  public init(origins: [String], allowsCredentials: Bool = false, maxAgeSeconds: Int = 600) throws(Fault) {
    allowsAll = origins.contains("*")
    if allowsAll, origins.count > 1 { throw Fault(description: "* allows all origins; name it alone") }
    if allowsAll, allowsCredentials { throw Fault(description: "with credentials the origins must be named; * is not allowed") }
    var normal: Set<String> = []
    for origin in origins where origin != "*" {
      guard let text = Self.normalised(origin) else {
        throw Fault(
          description: "\"\(origin.prefix(100))\" is no origin; write scheme, host and port without a path, such as https://shop.example")
      }
      normal.insert(text)
    }
    self.origins = normal
    self.allowsCredentials = allowsCredentials
    self.maxAgeSeconds = maxAgeSeconds
  }

  private static func normalised(_ origin: String) -> String? {
    let text = origin.lowercased()
    guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return nil }
    let authority = text.dropFirst(scheme.count)
    let isPlain = authority.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/?#@\\\"*,".utf8.contains($0) }
    return !authority.isEmpty && isPlain ? text : nil
  }

  /// Whether pages of this origin may use the server; `null` (a file, a sandbox) never is such an origin.
  public func allows(_ origin: String) -> Bool { allowsAll || origins.contains(origin.lowercased()) }

  /// Whether this origin is listed by name. `*` lets all pages read; that is no reason to let them change things on this machine.
  func names(_ origin: String) -> Bool { origins.contains(origin.lowercased()) }

  private var isEmpty: Bool { !allowsAll && origins.isEmpty }

  /// For the response to any request.
  public func headers(_ request: HTTPRequest) -> [HTTPResponse.Header] {
    guard !isEmpty else { return [] }
    // Caches must not give the response for one origin to another.
    let vary: [HTTPResponse.Header] = allowsAll ? [] : [.init("Vary", "Origin")]
    guard let origin = request.headers["origin"], allows(origin) else { return vary }
    var headers = vary
    headers.append(.init("Access-Control-Allow-Origin", allowsAll ? "*" : origin))
    if allowsCredentials { headers.append(.init("Access-Control-Allow-Credentials", "true")) }
    headers.append(.init("Access-Control-Expose-Headers", "ETag, Location, Retry-After"))
    return headers
  }

  /// In addition for the response to a preflight: a browser asks whether it may send the actual request.
  func preflightHeaders(_ request: HTTPRequest, methods: String) -> [HTTPResponse.Header] {
    guard let origin = request.headers["origin"], allows(origin), request.headers["access-control-request-method"] != nil else { return [] }
    return [
      .init("Access-Control-Allow-Methods", methods),
      .init("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match"),
      .init("Access-Control-Max-Age", String(maxAgeSeconds)),
    ]
  }
}
