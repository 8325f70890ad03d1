import HTTPServing
import Synchronization
import Telemetry

/// An HTTP server that records what it gets, and answers as a test wants.
final class ScriptedServer: Sendable {
  typealias Answer = @Sendable (_ request: HTTPRequest, _ state: inout [String: JSONValue]) -> HTTPResponse

  private struct Content: Sendable {
    var requests: [HTTPRequest] = []
    var state: [String: JSONValue] = [:]
  }

  private final class Shared: Sendable { let content = Mutex(Content()) }
  private let shared = Shared()
  private let server: HTTPServer
  var url: String { "http://" + server.address }

  /// - Parameter answer: gets one request at a time, and a state that is kept for it.
  init(_ answer: @escaping Answer) throws {
    let shared = shared
    var router = Router()
    for method in ["GET", "POST", "PUT"] {
      for depth in 1...12 {
        router.add(method, (1...depth).map { "/{part\($0)}" }.joined()) { request in
          shared.content.withLock { content in
            content.requests.append(request)
            return .now(answer(request, &content.state))
          }
        }
      }
    }
    var configuration = HTTPServerConfiguration(listen: "127.0.0.1:0")
    configuration.bodyBytesMax = 16 << 20
    server = try HTTPServer(configuration, router: router)
  }

  deinit { server.stop() }

  func stop() { server.stop() }

  var requests: [HTTPRequest] { shared.content.withLock { $0.requests } }
  /// Method and the end of the path, such as `POST runs/create`.
  var calls: [String] { requests.map { Self.call($0) } }

  static func call(_ request: HTTPRequest) -> String {
    for base in ["/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/"] where request.rawPath.contains(base) {
      return request.method + " " + (request.rawPath.split(separator: base).last ?? "")
    }
    return request.method + " " + request.rawPath
  }
}
