import Synchronization
import Telemetry

/// A request that is being received, and its response.
///
/// Unchecked: libmicrohttpd calls for one connection from one thread at a time; only `response` is also written from elsewhere, and a
/// lock guards it.
final class HTTPExchange: @unchecked Sendable {
  private(set) var request: HTTPRequest
  let match: Router.Match
  let bodyBytesMax: Int
  /// The response without the handler, once it is certain. The body is then read and dropped.
  private(set) var refusal: HTTPResponse?
  let startedAtNanoseconds = MonotonicClock.nanoseconds()
  private(set) var bodyBytes = 0
  let response = Mutex<HTTPResponse?>(nil)
  private let server: ServerContext
  private var heldBytes = 0

  /// Decides from the head alone who is let in, so that nobody else's body is kept.
  init(_ read: RequestReader.Read, _ server: ServerContext) {
    self.server = server
    request = read.request
    match = server.router.match(read.request)
    bodyBytesMax = min(match.bodyBytesMax ?? .max, server.configuration.bodyBytesMax)
    if let fault = read.fault {
      refuse(with: fault)
      return
    }
    switch server.router.admission(request, match) {
    case .admitted(let caller): request.caller = caller
    case .refused(let response): refusal = response
    }
  }

  deinit { dropBody() }

  func refuse(with problem: Problem) {
    refusal = server.router.response(problem, request)
    dropBody()
  }

  func refuseAsTooLarge() {
    guard refusal == nil else { return }
    refuse(with: Problem(.contentTooLarge, "the body is larger than \(bodyBytesMax) bytes", fix: "send less in one request"))
  }

  func append(_ piece: UnsafeRawBufferPointer) {
    bodyBytes += piece.count
    if bodyBytes > bodyBytesMax { refuseAsTooLarge() }
    guard refusal == nil else { return }
    guard server.holdsBody(piece.count) else {
      return refuse(
        with: Problem(
          .unavailable, "too many bodies are being received", fix: "try again in a second", headers: [.init("Retry-After", "1")]))
    }
    heldBytes += piece.count
    request.body += piece
  }

  func dropBody() {
    request.body = []
    server.releasesBody(heldBytes)
    heldBytes = 0
  }
}
