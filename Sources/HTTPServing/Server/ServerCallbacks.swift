import CMicroHTTPD
import Telemetry

/// The functions that libmicrohttpd calls, on its threads.
///
/// They are static and belong to no actor: a closure from code of the main actor would trap when it is called on another thread.
enum ServerCallbacks {
  private static let yes = freshet_mhd_yes
  private static let no = freshet_mhd_no
  /// A body that is too large is read up to this many times the limit, so that the client receives the response and not a reset.
  private static let discardFactor = 16

  /// Called when the headers are complete, then for each piece of the body, then once more, and again after a wait.
  static let handle: MHD_AccessHandlerCallback = { context, connection, url, method, version, data, dataSize, requestState in
    guard let context, let connection, let dataSize, let requestState else { return no }
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    guard let state = requestState.pointee, freshet_mhd_is_note(state) == 0 else {
      var read = RequestReader.read(connection, url: url, method: method, version: version, server.configuration)
      if freshet_mhd_has_nul(requestState.pointee, url, version, server.configuration.headerBytesMax) != 0 { read.refuseNUL() }
      let exchange = HTTPExchange(read, server)
      server.requestBegins()
      server.connections.entered(.receivingBody, freshet_mhd_socket(connection))
      requestState.pointee = Unmanaged.passRetained(exchange).toOpaque()
      // Nothing after a request whose end is not certain can be trusted.
      return read.endsConnection ? finish(exchange, connection, server) : begin(exchange, connection, server)
    }
    let exchange = Unmanaged<HTTPExchange>.fromOpaque(state).takeUnretainedValue()
    guard dataSize.pointee == 0 else {
      exchange.append(UnsafeRawBufferPointer(start: data, count: dataSize.pointee))
      dataSize.pointee = 0
      return isHopeless(exchange, server) ? no : yes
    }
    return finish(exchange, connection, server)
  }

  static let completed: MHD_RequestCompletedCallback = { context, connection, requestState, _ in
    // A request that ends in its head has not got to the handler.
    guard let context, let state = requestState?.pointee, freshet_mhd_is_note(state) == 0 else { return }
    requestState?.pointee = nil
    Unmanaged<HTTPExchange>.fromOpaque(state).release()
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    server.requestEnds()
    if let connection { server.connections.entered(.receivingHead, freshet_mhd_socket(connection)) }
  }

  static let connection: MHD_NotifyConnectionCallback = { context, connection, socketContext, code in
    guard let context, let connection else { return }
    // For the handshake, whose function gets the connection only.
    socketContext?.pointee = context
    let connections = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue().connections
    let socket = freshet_mhd_socket(connection)
    if freshet_mhd_connection_started(code) != 0 { connections.opened(socket) } else { connections.closed(socket) }
  }

  // MARK: - Steps of a request

  /// A response in this first call closes the connection (at a sixth of the throughput), so only hopeless requests get one here.
  private static func begin(_ exchange: HTTPExchange, _ connection: OpaquePointer, _ server: ServerContext) -> MHD_Result {
    let announced = exchange.request.headers["content-length"].map { Int($0) ?? .max } ?? 0
    if announced > exchange.bodyBytesMax { exchange.refuseAsTooLarge() }
    let clientWaits = exchange.refusal != nil && exchange.request.headers["expect"] != nil
    return clientWaits || announced / discardFactor > server.configuration.bodyBytesMax ? finish(exchange, connection, server) : yes
  }

  private static func isHopeless(_ exchange: HTTPExchange, _ server: ServerContext) -> Bool {
    let seconds = (MonotonicClock.nanoseconds() - exchange.startedAtNanoseconds) / 1_000_000_000
    return exchange.bodyBytes / discardFactor > server.configuration.bodyBytesMax || seconds > server.configuration.bodySecondsMax
  }

  private static func finish(_ exchange: HTTPExchange, _ connection: OpaquePointer, _ server: ServerContext) -> MHD_Result {
    server.connections.entered(.answering, freshet_mhd_socket(connection))
    let router = server.router
    let request = exchange.request
    if let response = exchange.response.withLock({ $0 }) { return ResponseWriter.queue(response, request, connection, server) }
    if let refusal = exchange.refusal {
      return ResponseWriter.queue(router.conclude(refusal, request, exchange.match), request, connection, server)
    }
    switch router.handle(request, exchange.match) {
    case .now(let response): return ResponseWriter.queue(response, request, connection, server)
    case .later(let later):
      let deliver = suspend(exchange, connection)
      if !server.pendingResponses.add(.init(later: later, deliver: deliver)) { deliver(later.instead()) }
    case .push(let push):
      server.pushedResponses.start(push, deliver: suspend(exchange, connection))
    }
    return yes
  }

  /// Suspends the connection; what it returns resumes it with the response, and `handle` is called again. It must be called once.
  private static func suspend(_ exchange: HTTPExchange, _ connection: OpaquePointer) -> @Sendable (HTTPResponse) -> Void {
    // Unchecked: a suspended connection may be resumed from any thread, and lives until then.
    struct Suspended: @unchecked Sendable { let connection: OpaquePointer }
    let suspended = Suspended(connection: connection)
    exchange.dropBody()
    MHD_suspend_connection(connection)
    return { response in
      exchange.response.withLock { $0 = response }
      MHD_resume_connection(suspended.connection)
    }
  }
}
