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
