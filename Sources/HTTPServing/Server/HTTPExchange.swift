import CMicroHTTPD
import Synchronization
import Telemetry

/// A request that is being received, and its response.
///
/// Unchecked: libmicrohttpd calls for one connection from one thread at a time; only `response` is also written from elsewhere, and a
/// lock guards it.
final class HTTPExchange: @unchecked Sendable {
  var request: HTTPRequest
  let match: Router.Match
  let bodyBytesMax: Int
  /// Why the request is answered without its handler.
  var refusal: Problem?
  let startedAtNanoseconds = MonotonicClock.nanoseconds()
  private(set) var bodyBytes = 0
  let response = Mutex<HTTPResponse?>(nil)

  init(_ read: RequestReader.Read, _ server: ServerContext) {
    request = read.request
    refusal = read.fault
    match = server.router.match(read.request)
    bodyBytesMax = min(Self.limit(match) ?? .max, server.configuration.bodyBytesMax)
  }

  private static func limit(_ match: Router.Match) -> Int? {
    guard case .route(let route, _) = match else { return nil }
    return route.options.bodyBytesMax
  }

  func markTooLarge() {
    refusal = Problem(.contentTooLarge, "the body is larger than \(bodyBytesMax) bytes", fix: "send less in one request")
    request.body = []
  }

  func append(_ piece: UnsafeRawBufferPointer) {
    bodyBytes += piece.count
    if bodyBytes > bodyBytesMax, refusal == nil { markTooLarge() }
    if refusal == nil { request.body += piece }
  }
}
