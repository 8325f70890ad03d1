/// A complete request as the router sees it.
public struct HTTPRequest: Sendable, Equatable {
  public var method: String
  /// Without the query, percent-escapes resolved.
  public var path: String
  /// A name without a value has the empty one; of equal names the last counts.
  public var query: [String: String]
  /// Names in lower case.
  public var headers: [String: String]
  public var body: [UInt8]
  /// What the router found for the `{names}` of the route.
  public var parameters: [String: String] = [:]

  public init(
    _ method: String, _ path: String, query: [String: String] = [:], headers: [String: String] = [:], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
  }
}
