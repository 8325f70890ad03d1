import Foundation
import HTTPServing
import HTTPTestKit
import Synchronization
import Telemetry

/// What handlers have seen.
final class Seen: Sendable {
  private let values = Mutex<[String]>([])
  var all: [String] { values.withLock { $0 } }
  func append(_ value: String) { values.withLock { $0.append(value) } }
}

/// A server on a free port with the routes of one test.
struct TestServer {
  let server: HTTPServer
  var port: UInt16 { server.port }

  init(
    policy: RouterPolicy = RouterPolicy(), observe: @escaping Router.Observer = { _, _ in },
    _ change: (inout HTTPServerConfiguration) -> Void = { _ in }, routes: (inout Router) -> Void
  ) throws {
    var router = Router(policy: policy, observe: observe)
    routes(&router)
    var configuration = HTTPServerConfiguration(listen: "127.0.0.1:0")
    change(&configuration)
    server = try HTTPServer(configuration, router: router)
  }

  /// The server lives at least as long as its clients.
  func client() throws -> RawClient {
    let client = try RawClient(port: port)
    client.companion = server
    return client
  }
}

/// A file that is removed with the value that made it.
final class TemporaryFile {
  let path: String

  init(_ content: String, mode: Int = 0o600) throws {
    path = FileManager.default.temporaryDirectory.appending(path: "freshet-http-\(UUID().uuidString)").path
    try write(content)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  deinit { remove() }

  func write(_ content: String) throws { try Data(content.utf8).write(to: URL(fileURLWithPath: path)) }
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// A log that keeps its lines.
final class KeptLog: LogSink {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  var log: Log { Log(component: "test", sink: self) }

  func write(_ level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)], repetition: LogRepetition) {
    let texts = fields.map { "\($0.key)=\($0.value)" }
    lines.withLock { $0.append("\(level) \(component): \(message) \(texts.joined(separator: " "))") }
  }
}
