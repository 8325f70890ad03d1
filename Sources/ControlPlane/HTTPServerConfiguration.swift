/// What a server allows its clients.
public struct HTTPServerConfiguration: Sendable, Equatable {
  /// Host and port; only addresses of this machine, port 0 for any free one.
  public var listen = "127.0.0.1:0"
  public var threads = 2
  public var connectionsMax = 64
  public var connectionsPerAddressMax = 64
  /// A connection that sends nothing for this long is closed.
  public var timeoutSeconds = 10
  /// A body must have arrived whole this long after its headers.
  public var bodySecondsMax = 30
  /// Request line and headers together, with some room for the library's own use.
  public var headerBytesMax = 16_384
  public var bodyBytesMax = 1 << 20
  /// Requests that may wait for something at once (`?wait=`).
  public var waitingMax = 4
  /// How long `stop` lets running requests finish.
  public var stopGraceMilliseconds = 2000

  public init(listen: String = "127.0.0.1:0") { self.listen = listen }
}
