/// A complete request as the router sees it.
public struct HTTPRequest: Sendable, Equatable {
  /// Case counts, as in the protocol.
  public var method: String
  /// Without the query, percent-escapes as they were sent: a slash in a segment is `%2F`.
  public var rawPath: String
  public var query: HTTPQuery
  /// Names in lower case.
  public var headers: [String: String]
  public var body: [UInt8]
  /// What the router found for the `{names}` of the route, percent-escapes resolved.
  public var parameters: [String: String] = [:]
  /// Who sent it, once the router has let it in.
  public var caller = Caller()

  public init(
    _ method: String, _ rawPath: String, query: HTTPQuery = [:], headers: [String: String] = [:], body: [UInt8] = []
  ) {
    self.method = method
    self.rawPath = rawPath
    self.query = query
    self.headers = headers
    self.body = body
  }

  /// Percent-escapes resolved where possible. For messages only: it cannot tell a slash from an escaped one.
  public var path: String { PercentEncoding.decode(rawPath) ?? rawPath }

  /// All values of a query parameter that may be repeated, in the order in which they were sent.
  public func queryValues(_ name: String) -> [String] { query.values(name) }

  /// The media type of the body, in lower case and without parameters.
  public var mediaType: String? {
    guard let type = headers["content-type"]?.prefix(while: { $0 != ";" && $0 != " " }), !type.isEmpty else { return nil }
    return type.lowercased()
  }
}
