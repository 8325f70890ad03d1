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
