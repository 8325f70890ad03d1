import CMicroHTTPD
import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

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

/// Serves a router over HTTP/1.1 with libmicrohttpd: epoll, two threads, hard limits, this machine only.
public final class HTTPServer: Sendable {
  /// Unchecked: the functions of libmicrohttpd on a daemon may be called from any thread.
  private struct Daemon: @unchecked Sendable {
    let handle: OpaquePointer
    let listeningSocket: Int32
  }

  public let port: UInt16
  /// Where clients reach it, `127.0.0.1:43210`.
  public let address: String
  private let context: ServerContext
  private let daemon: Mutex<Daemon?>

  /// Listens and serves from here on.
  public init(_ configuration: HTTPServerConfiguration, router: Router) throws(HTTPServerError) {
    let wanted = try ListenAddress(parsing: configuration.listen)
    let (descriptor, port) = try ListeningSocket.open(wanted)
    let context = ServerContext(configuration, router)
    let handle = freshet_mhd_start(
      descriptor, wanted.isIPv6 ? 1 : 0, UInt32(configuration.threads), UInt32(configuration.connectionsMax),
      UInt32(configuration.connectionsPerAddressMax), UInt32(configuration.timeoutSeconds), configuration.headerBytesMax,
      ServerCallbacks.handle, ServerCallbacks.completed, Unmanaged.passUnretained(context).toOpaque())
    guard let handle else {
      close(descriptor)
      throw HTTPServerError(.cannotStart, address: configuration.listen)
    }
    self.port = port
    self.address = wanted.isIPv6 ? "[\(wanted.host)]:\(port)" : "\(wanted.host):\(port)"
    self.context = context
    self.daemon = Mutex(Daemon(handle: handle, listeningSocket: descriptor))
  }

  deinit { stop() }

  /// Takes no new connections, answers those who wait, lets running requests finish for a while and closes the rest.
  ///
  /// Not to be called from a handler: it waits for the threads that run them.
  public func stop() {
    let taken = daemon.withLock { daemon -> Daemon? in
      defer { daemon = nil }
      return daemon
    }
    guard let taken else { return }
    _ = MHD_quiesce_daemon(taken.handle)
    context.waitingRoom.close()
    let deadline = MonotonicClock.nanoseconds() + UInt64(context.configuration.stopGraceMilliseconds) * 1_000_000
    while context.requestsInFlight > 0, MonotonicClock.nanoseconds() < deadline { usleep(2000) }
    MHD_stop_daemon(taken.handle)
    close(taken.listeningSocket)
  }
}

/// What the callbacks of one server share.
final class ServerContext: Sendable {
  let configuration: HTTPServerConfiguration
  let router: Router
  let waitingRoom: WaitingRoom
  private let inFlight = Atomic<Int>(0)

  init(_ configuration: HTTPServerConfiguration, _ router: Router) {
    self.configuration = configuration
    self.router = router
    waitingRoom = WaitingRoom(guestsMax: configuration.waitingMax)
  }

  var requestsInFlight: Int { inFlight.load(ordering: .acquiring) }
  func requestBegins() { inFlight.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  func requestEnds() { inFlight.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
}
