/// A response now or later.
public enum HTTPAnswer: Sendable {
  case now(HTTPResponse)
  /// Asked for again and again until there is one.
  case later(LaterResponse)
  /// Given by whoever has it, as soon as it is there.
  case push(PushedResponse)

  /// A response that `start` gives to its argument at any time and from any thread, such as that of a delivery report.
  ///
  /// - Parameter instead: sent if too many requests wait already (then `start` is not called), if the server stops first, if the time is
  ///   up, or if `start` loses its argument without calling it.
  public static func pushed(
    instead: @escaping @Sendable () -> HTTPResponse = PushedResponse.unavailable,
    _ start: @escaping @Sendable (_ complete: @escaping @Sendable (HTTPResponse) -> Void) -> Void
  ) -> HTTPAnswer {
    .push(PushedResponse(start: start, instead: instead))
  }
}

/// A response that is not ready yet. The server suspends the connection meanwhile, so no thread waits for it.
public struct LaterResponse: Sendable {
  /// Called every 50 ms until it returns a response. Must not block, and must return one eventually.
  public let poll: @Sendable () -> HTTPResponse?
  /// Sent at once if too many requests wait already or the server stops.
  public let instead: @Sendable () -> HTTPResponse

  public init(poll: @escaping @Sendable () -> HTTPResponse?, instead: @escaping @Sendable () -> HTTPResponse) {
    self.poll = poll
    self.instead = instead
  }
}

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
