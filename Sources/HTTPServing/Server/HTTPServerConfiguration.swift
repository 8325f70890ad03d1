/// The limits of a server.
public struct HTTPServerConfiguration: Sendable, Equatable {
  /// Host and port; port 0 for any free one.
  public var listen = "127.0.0.1:0"
  /// The configuration key of `listen`, for messages.
  public var key = "admin.listen"
  /// Whether `listen` may be an address that other machines can reach: with tokens, or for what everybody may see. With `tls` it always may.
  public var allowsRemote = false
  /// The certificate; `nil` for a server without TLS.
  public var tls: TLSFiles?
  /// The proxies whose `X-Forwarded-For` is believed.
  public var trustedProxies: Set<ClientAddress> = []
  public var threads = 2
  /// Divided among the threads.
  public var connectionsMax = 64
  /// Of one address; `nil` for no limit of its own, because behind a proxy all clients have one address.
  public var connectionsPerAddressMax: Int?
  /// Of `connectionsMax`, for new clients such as health probes: when only these are left, the connection that has been sending
  /// its request for longest is closed.
  public var connectionsReserved = 16
  /// A connection that sends nothing for this long is closed.
  public var timeoutSeconds = 10
  /// Request line and headers must be complete this long after the connection was accepted, or after the response before.
  public var headSecondsMax = 10
  /// A body must be complete this long after its headers.
  public var bodySecondsMax = 30
  /// Request line and headers together, including what the library needs itself.
  public var headerBytesMax = 16_384
  public var bodyBytesMax = 1 << 20
  /// The bodies of all requests together.
  public var bodiesBytesMax = 64 << 20
  /// Requests that may wait at the same time for a response that is polled (`?wait=`).
  public var waitingMax = 4
  /// Requests that may wait at the same time for a response that is pushed.
  public var pushedMax = 1024
  /// A pushed response that is not there after this long is replaced.
  public var pushedSecondsMax = 60
  /// Bodies from this size are compressed for clients that accept it; `Int.max`: none.
  public var compressedBytesMin = 1024
  /// How long `stop` waits for running requests.
  public var stopGraceMilliseconds = 2000

  public init(listen: String = "127.0.0.1:0") { self.listen = listen }

  /// A server of its own for health probes and metrics, which need no token and are reached from other machines.
  public static func probes(listen: String) -> HTTPServerConfiguration {
    var server = HTTPServerConfiguration(listen: listen)
    server.key = "probes.listen"
    server.allowsRemote = true
    return server
  }
}
