import CMicroHTTPD
import Dispatch
import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Serves a router over HTTP/1.1 with libmicrohttpd: epoll, two threads, hard limits.
public final class HTTPServer: Sendable {
  /// Unchecked: the functions of libmicrohttpd on a daemon, and those of a timer, may be called from any thread.
  private struct Daemon: @unchecked Sendable {
    let handle: OpaquePointer
    let listeningSocket: Int32
    /// Ends connections whose requests are overdue.
    let timer: any DispatchSourceTimer
  }

  public let port: UInt16
  /// Host and port for clients, such as `127.0.0.1:43210`.
  public let address: String
  private let context: ServerContext
  private let daemon: Mutex<Daemon?>

  /// Starts listening.
  public init(_ configuration: HTTPServerConfiguration, router: Router) throws(HTTPServerError) {
    let wanted = try ListenAddress(parsing: configuration.listen, key: configuration.key, allowsRemote: configuration.allowsRemote)
    let (descriptor, port) = try ListeningSocket.open(wanted, key: configuration.key)
    let context = ServerContext(configuration, router)
    let handle = freshet_mhd_start(
      descriptor, wanted.isIPv6 ? 1 : 0, UInt32(configuration.threads), UInt32(configuration.connectionsMax),
      UInt32(configuration.connectionsPerAddressMax), UInt32(configuration.timeoutSeconds), configuration.headerBytesMax,
      ServerCallbacks.handle, ServerCallbacks.completed, ServerCallbacks.connection, Unmanaged.passUnretained(context).toOpaque())
    guard let handle else {
      close(descriptor)
      throw HTTPServerError(.cannotStart, key: configuration.key, address: configuration.listen)
    }
    self.port = port
    self.address = wanted.isIPv6 ? "[\(wanted.host)]:\(port)" : "\(wanted.host):\(port)"
    self.context = context
    self.daemon = Mutex(Daemon(handle: handle, listeningSocket: descriptor, timer: Self.makeTimer(context.connections)))
  }

  deinit { stop() }

  private static let deadlineCheckMilliseconds = 250

  private static func makeTimer(_ connections: ConnectionTable) -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "control-plane.deadlines"))
    let interval = DispatchTimeInterval.milliseconds(deadlineCheckMilliseconds)
    timer.schedule(deadline: .now() + interval, repeating: interval)
    timer.setEventHandler { connections.endOverdue() }
    timer.activate()
    return timer
  }

  /// Accepts no new connections, answers waiting requests, lets running requests finish for a while and closes the rest.
  ///
  /// Not to be called from a handler: it waits for the threads that run them.
  public func stop() {
    let taken = daemon.withLock { daemon -> Daemon? in
      defer { daemon = nil }
      return daemon
    }
    guard let taken else { return }
    taken.timer.cancel()
    _ = MHD_quiesce_daemon(taken.handle)
    context.pendingResponses.close()
    let deadline = MonotonicClock.nanoseconds() + UInt64(context.configuration.stopGraceMilliseconds) * 1_000_000
    while context.requestsInFlight > 0, MonotonicClock.nanoseconds() < deadline { usleep(2000) }
    MHD_stop_daemon(taken.handle)
    close(taken.listeningSocket)
  }
}
