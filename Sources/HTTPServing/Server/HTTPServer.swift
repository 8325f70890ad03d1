import CMicroHTTPD
import Dispatch
import Synchronization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Serves a router over HTTP/1.1 with libmicrohttpd: epoll, a few threads, hard limits.
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
    func failure(_ code: HTTPServerError.Code) -> HTTPServerError {
      HTTPServerError(code, key: configuration.key, address: configuration.listen)
    }
    let allowsRemote = configuration.allowsRemote || configuration.tls != nil
    let wanted = try ListenAddress(parsing: configuration.listen, key: configuration.key, allowsRemote: allowsRemote)
    let credentials: TLSCredentials?
    do { credentials = try configuration.tls?.load() } catch { throw failure(.tls("\(error)")) }
    if let shortage = FileLimit.shortage(connections: configuration.connectionsMax) {
      throw failure(.fileLimit(has: shortage.has, needs: shortage.needs))
    }
    let (descriptor, port) = try ListeningSocket.open(wanted, key: configuration.key)
    let context = ServerContext(configuration, router, tls: credentials)
    guard let handle = Self.start(descriptor, wanted, context) else {
      close(descriptor)
      throw failure(.cannotStart)
    }
    self.port = port
    self.address = wanted.isIPv6 ? "[\(wanted.host)]:\(port)" : "\(wanted.host):\(port)"
    self.context = context
    self.daemon = Mutex(Daemon(handle: handle, listeningSocket: descriptor, timer: Self.makeTimer(context)))
  }

  private static func start(_ descriptor: Int32, _ address: ListenAddress, _ context: ServerContext) -> OpaquePointer? {
    let configuration = context.configuration
    return TLSCredentialStore.priorities.withCString { priorities in
      var settings = freshet_mhd_settings(
        listen_socket: descriptor, is_ipv6: address.isIPv6 ? 1 : 0, threads: UInt32(configuration.threads),
        connections_max: UInt32(configuration.connectionsMax),
        connections_per_address_max: UInt32(configuration.connectionsPerAddressMax ?? configuration.connectionsMax),
        timeout_seconds: UInt32(configuration.timeoutSeconds), connection_memory_bytes: configuration.headerBytesMax,
        handler: ServerCallbacks.handle, completed: ServerCallbacks.completed, connection: ServerCallbacks.connection,
        certificate: context.tls == nil ? nil : TLSCredentialStore.retrieve, tls_priorities: priorities,
        context: Unmanaged.passUnretained(context).toOpaque())
      return freshet_mhd_start(&settings)
    }
  }

  /// Reads the certificate and its key again; new connections get them. If they cannot be used, those before stay.
  public func reloadCertificate() throws(TLSError) {
    guard let files = context.configuration.tls, let store = context.tls else { return }
    store.replace(try files.load())
  }

  /// Seconds since 1970 when the certificate expires; `nil` without TLS.
  public var certificateExpires: Int? { context.tls?.current.expires }

  deinit { stop() }

  private static let deadlineCheckMilliseconds = 250

  private static func makeTimer(_ context: ServerContext) -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "http.deadlines"))
    let interval = DispatchTimeInterval.milliseconds(deadlineCheckMilliseconds)
    timer.schedule(deadline: .now() + interval, repeating: interval)
    timer.setEventHandler {
      context.connections.endOverdue()
      context.pushedResponses.endOverdue()
    }
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
    context.pushedResponses.close()
    let deadline = MonotonicClock.nanoseconds() + UInt64(context.configuration.stopGraceMilliseconds) * 1_000_000
    while context.requestsInFlight > 0, MonotonicClock.nanoseconds() < deadline { usleep(2000) }
    MHD_stop_daemon(taken.handle)
    close(taken.listeningSocket)
  }
}
