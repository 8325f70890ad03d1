import CMicroHTTPD
import Synchronization
import Telemetry

/// A request that is being received, and its response.
///
/// Unchecked: libmicrohttpd calls for one connection from one thread at a time; only `response` is also written from elsewhere, and a
/// lock guards it.
final class HTTPExchange: @unchecked Sendable {
  var request: HTTPRequest
  let startedAtNanoseconds = MonotonicClock.nanoseconds()
  private(set) var bodyBytes = 0
  private(set) var isTooLarge = false
  let response = Mutex<HTTPResponse?>(nil)

  init(_ request: HTTPRequest) { self.request = request }

  func markTooLarge() {
    isTooLarge = true
    request.body = []
  }

  func append(_ piece: UnsafeRawBufferPointer, bytesMax: Int) {
    bodyBytes += piece.count
    if bodyBytes > bytesMax { markTooLarge() }
    if !isTooLarge { request.body += piece }
  }
}

/// The functions that libmicrohttpd calls, on its threads.
///
/// They are static and belong to no actor: a closure from code of the main actor would trap when it is called on another thread.
enum ServerCallbacks {
  private static let yes = freshet_mhd_yes
  private static let no = freshet_mhd_no
  /// A body that is too large is read up to this many times the limit, so that the client receives the response and not a reset.
  private static let discardFactor = 16

  /// Called when the headers are complete, then for each piece of the body, then once more, and again after a wait.
  static let handle: MHD_AccessHandlerCallback = { context, connection, url, method, _, data, dataSize, requestState in
    guard let context, let connection, let dataSize, let requestState else { return no }
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    guard let state = requestState.pointee else {
      let exchange = HTTPExchange(makeRequest(connection, url, method))
      server.requestBegins()
      server.connections.entered(.receivingBody, freshet_mhd_socket(connection))
      requestState.pointee = Unmanaged.passRetained(exchange).toOpaque()
      return begin(exchange, connection, server)
    }
    let exchange = Unmanaged<HTTPExchange>.fromOpaque(state).takeUnretainedValue()
    guard dataSize.pointee == 0 else {
      exchange.append(UnsafeRawBufferPointer(start: data, count: dataSize.pointee), bytesMax: server.configuration.bodyBytesMax)
      dataSize.pointee = 0
      return isHopeless(exchange, server) ? no : yes
    }
    return finish(exchange, connection, server)
  }

  static let completed: MHD_RequestCompletedCallback = { context, connection, requestState, _ in
    guard let context, let state = requestState?.pointee else { return }
    requestState?.pointee = nil
    Unmanaged<HTTPExchange>.fromOpaque(state).release()
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    server.requestEnds()
    if let connection { server.connections.entered(.receivingHead, freshet_mhd_socket(connection)) }
  }

  static let connection: MHD_NotifyConnectionCallback = { context, connection, _, code in
    guard let context, let connection else { return }
    let connections = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue().connections
    let socket = freshet_mhd_socket(connection)
    if freshet_mhd_connection_started(code) != 0 { connections.opened(socket) } else { connections.closed(socket) }
  }

  // MARK: - Steps of a request

  /// A response in this first call closes the connection (at a sixth of the throughput), so only hopeless requests get one here.
  private static func begin(_ exchange: HTTPExchange, _ connection: OpaquePointer, _ server: ServerContext) -> MHD_Result {
    let announced = exchange.request.headers["content-length"].flatMap(Int.init) ?? 0
    guard announced > server.configuration.bodyBytesMax else { return yes }
    exchange.markTooLarge()
    let clientWaits = exchange.request.headers["expect"] != nil
    return clientWaits || announced / discardFactor > server.configuration.bodyBytesMax ? finish(exchange, connection, server) : yes
  }

  private static func isHopeless(_ exchange: HTTPExchange, _ server: ServerContext) -> Bool {
    let seconds = (MonotonicClock.nanoseconds() - exchange.startedAtNanoseconds) / 1_000_000_000
    return exchange.bodyBytes / discardFactor > server.configuration.bodyBytesMax || seconds > server.configuration.bodySecondsMax
  }

  private static func finish(_ exchange: HTTPExchange, _ connection: OpaquePointer, _ server: ServerContext) -> MHD_Result {
    server.connections.entered(.answering, freshet_mhd_socket(connection))
    if let response = exchange.response.withLock({ $0 }) { return queue(response, connection) }
    if exchange.isTooLarge {
      let response = HTTPResponse.error(
        413, "the body is larger than \(server.configuration.bodyBytesMax) bytes", fix: "send less in one request")
      return queue(server.router.refuse(exchange.request, with: response), connection)
    }
    switch server.router.answer(exchange.request) {
    case .now(let response): return queue(response, connection)
    case .later(let later): return wait(later, exchange, connection, server)
    }
  }

  /// Suspends the connection; `handle` is called again when there is a response.
  private static func wait(
    _ later: LaterResponse, _ exchange: HTTPExchange, _ connection: OpaquePointer, _ server: ServerContext
  ) -> MHD_Result {
    // Unchecked: a suspended connection may be resumed from any thread, and lives until then.
    struct Suspended: @unchecked Sendable { let connection: OpaquePointer }
    let suspended = Suspended(connection: connection)
    MHD_suspend_connection(connection)
    let deliver: @Sendable (HTTPResponse) -> Void = { response in
      exchange.response.withLock { $0 = response }
      MHD_resume_connection(suspended.connection)
    }
    if !server.pendingResponses.add(.init(later: later, deliver: deliver)) { deliver(later.instead()) }
    return yes
  }

  private static func queue(_ response: HTTPResponse, _ connection: OpaquePointer) -> MHD_Result {
    let made = response.body.withUnsafeBytes { bytes in
      MHD_create_response_from_buffer(bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), freshet_mhd_must_copy)
    }
    guard let made else { return no }
    defer { MHD_destroy_response(made) }
    let always = [
      HTTPResponse.Header("Content-Type", response.contentType), .init("Cache-Control", "no-store"),
      .init("X-Content-Type-Options", "nosniff"),
    ]
    for header in always + response.headers { MHD_add_response_header(made, header.name, header.value) }
    return MHD_queue_response(connection, UInt32(response.status), made)
  }

  // MARK: - Reading the request

  private static func makeRequest(
    _ connection: OpaquePointer, _ url: UnsafePointer<CChar>?, _ method: UnsafePointer<CChar>?
  ) -> HTTPRequest {
    var request = HTTPRequest(method.map { String(cString: $0) } ?? "", url.map { String(cString: $0) } ?? "/")
    for (name, value) in values(connection, freshet_mhd_headers) { request.headers[name.lowercased()] = value }
    for (name, value) in values(connection, freshet_mhd_query) { request.query[name] = value }
    return request
  }

  private typealias Pairs = [(name: String, value: String)]

  private static let collect: MHD_KeyValueIterator = { context, _, name, value in
    guard let context, let name else { return no }
    let pair = (name: String(cString: name), value: value.map { String(cString: $0) } ?? "")
    context.assumingMemoryBound(to: Pairs.self).pointee.append(pair)
    return yes
  }

  private static func values(_ connection: OpaquePointer, _ kind: MHD_ValueKind) -> Pairs {
    var pairs: Pairs = []
    withUnsafeMutablePointer(to: &pairs) { _ = MHD_get_connection_values(connection, kind, collect, UnsafeMutableRawPointer($0)) }
    return pairs
  }
}
