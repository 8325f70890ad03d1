/// A response that somebody else will give; the connection is suspended until then and resumed at once.
public struct PushedResponse: Sendable {
  /// Called once, on the server's thread, so it must not block. What it passes to its argument is the response; only the first counts.
  public let start: @Sendable (_ complete: @escaping @Sendable (HTTPResponse) -> Void) -> Void
  public let instead: @Sendable () -> HTTPResponse
  /// What the router adds to the one response that is sent.
  var conclude: @Sendable (HTTPResponse) -> HTTPResponse = { $0 }

  public init(
    start: @escaping @Sendable (_ complete: @escaping @Sendable (HTTPResponse) -> Void) -> Void,
    instead: @escaping @Sendable () -> HTTPResponse = Self.unavailable
  ) {
    self.start = start
    self.instead = instead
  }

  public static let unavailable: @Sendable () -> HTTPResponse = {
    Problem(
      .unavailable, "too many requests wait already, or the server stops", fix: "try again in a second",
      headers: [.init("Retry-After", "1")]
    ).response
  }
}
