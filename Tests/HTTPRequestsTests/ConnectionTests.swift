import Foundation
import HTTPServing
import Synchronization
import Testing

@testable import HTTPRequests

/// Answers every request with what it has seen, or as it is told.
private final class EchoServer: Sendable {
  struct Seen: Sendable {
    var requests: [HTTPRequest] = []
    var response = HTTPResponse.text("seen")
  }

  private final class State: Sendable { let value = Mutex(Seen()) }
  private let state = State()
  private let server: HTTPServer
  var url: String { "http://" + server.address }

  init() throws {
    let state = state
    var router = Router()
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
      router.add(method, "/{any}/{other}") { request in
        state.value.withLock { seen in
          seen.requests.append(request)
          return .now(seen.response)
        }
      }
    }
    var configuration = HTTPServerConfiguration(listen: "127.0.0.1:0")
    configuration.bodyBytesMax = 16 << 20
    server = try HTTPServer(configuration, router: router)
  }

  deinit { server.stop() }

  func answer(_ response: HTTPResponse) { state.value.withLock { $0.response = response } }
  var requests: [HTTPRequest] { state.value.withLock { $0.requests } }
}

private func temporaryFile(_ bytes: [UInt8]) throws -> String {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("request-\(UUID().uuidString)").path
  try Data(bytes).write(to: URL(fileURLWithPath: path))
  return path
}

private func fault(_ connection: HTTPConnection, _ request: HTTPConnection.Request) -> HTTPConnection.Fault? {
  do throws(HTTPConnection.Fault) {
    _ = try connection.send(request)
    return nil
  } catch { return error }
}

/// Requests against a server over HTTP.
@Suite struct ConnectionTests {
  private let connection = HTTPConnection(timeout: .seconds(5))

  @Test(arguments: ["GET", "POST", "PUT", "PATCH", "DELETE"]) func everyMethodArrivesWithItsBodyAndHeaders(method: String) throws {
    let server = try EchoServer()
    var request = HTTPConnection.Request(try #require(.init(rawValue: method)), server.url + "/a/b%2Fc?q=1")
    request.headers = [.init("X-Some", "thing")]
    let hasBody = method.hasPrefix("P")
    if hasBody { request.body = .bytes(Array("{}".utf8), contentType: "application/json") }
    request.credentials = .bearer("t0ken")
    let answer = try connection.send(request)
    #expect(answer.status == 200 && answer.body == Array("seen".utf8))
    let seen = try #require(server.requests.first)
    #expect(seen.method == method && seen.rawPath == "/a/b%2Fc" && seen.queryValues("q") == ["1"])
    #expect(seen.headers["x-some"] == "thing" && seen.headers["authorization"] == "Bearer t0ken")
    #expect(seen.headers["content-type"] == (hasBody ? "application/json" : nil) && seen.body == (hasBody ? Array("{}".utf8) : []))
  }

  @Test func anEmptyPostHasALength() throws {
    let server = try EchoServer()
    _ = try connection.send(.init(.post, server.url + "/a/b"))
    #expect(server.requests[0].headers["content-length"] == "0" && server.requests[0].headers["transfer-encoding"] == nil)
  }

  @Test(arguments: [0, 1, 65_536, 3_000_001]) func aFileArrivesWithItsLengthAndWithoutAQuestionBefore(count: Int) throws {
    let server = try EchoServer()
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let path = try temporaryFile(bytes)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var request = HTTPConnection.Request(.put, server.url + "/a/b")
    request.body = .file(path: path, contentType: "application/octet-stream")
    #expect(try connection.send(request).status == 200)
    let seen = server.requests[0]
    #expect(seen.body == bytes && seen.headers["content-length"] == "\(count)" && seen.headers["expect"] == nil)
  }

  @Test func nothingOfARequestIsLeftForTheNext() throws {
    let server = try EchoServer()
    var first = HTTPConnection.Request(.put, server.url + "/a/b")
    first.body = .bytes([1, 2, 3], contentType: "text/plain")
    first.credentials = .basic(username: "user:name", password: "pass")
    first.headers = [.init("X-Once", "1")]
    _ = try connection.send(first)
    _ = try connection.send(.init(.get, server.url + "/a/b"))
    #expect(server.requests[0].headers["authorization"]?.hasPrefix("Basic ") == true)
    let second = server.requests[1]
    #expect(second.method == "GET" && second.body.isEmpty && second.headers["authorization"] == nil && second.headers["x-once"] == nil)
  }

  @Test func anAnswerTellsWhenToComeAgain() throws {
    let server = try EchoServer()
    server.answer(.json(["a": 1], status: 503, headers: [.init("Retry-After", "7")]))
    let answer = try connection.send(.init(.get, server.url + "/a/b"))
    #expect(answer.status == 503 && answer.retryAfter == .seconds(7) && answer.headers["content-type"] == "application/json")
    server.answer(.json([], headers: [.init("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")]))
    #expect(try connection.send(.init(.get, server.url + "/a/b")).retryAfter == nil)
  }

  @Test func aRedirectionIsNotFollowed() throws {
    let server = try EchoServer()
    server.answer(.empty(302, headers: [.init("Location", server.url + "/c/d")]))
    #expect(try connection.send(.init(.post, server.url + "/a/b")).status == 302)
    #expect(server.requests.count == 1)
  }

  @Test func anAnswerThatIsTooLargeIsAFaultWithItsStatus() throws {
    let server = try EchoServer()
    server.answer(.text(String(repeating: "x", count: 1001)))
    var request = HTTPConnection.Request(.get, server.url + "/a/b")
    request.answerBytesMax = 1000
    let tooLarge = fault(connection, request)
    #expect(tooLarge?.kind == .answerTooLarge && tooLarge?.status == 200)
    request.answerBytesMax = 1001
    #expect(fault(connection, request) == nil)
  }

  @Test func whatCannotBeSentIsAFaultBeforeAnythingIsSent() throws {
    let server = try EchoServer()
    var request = HTTPConnection.Request(.put, server.url + "/a/b")
    request.body = .file(path: "/does/not/exist", contentType: "text/plain")
    #expect(fault(connection, request)?.kind == .unreadableFile)
    request.body = .file(path: FileManager.default.temporaryDirectory.path, contentType: "text/plain")
    #expect(fault(connection, request)?.kind == .unreadableFile)
    request.body = .none
    request.credentials = .bearer("t0ken\r\nX-Evil: 1")
    let broken = fault(connection, request)
    #expect(broken?.kind == .permanent && broken?.sentence.contains("t0ken") == false)
    #expect(server.requests.isEmpty)
  }

  @Test func aFileThatBecomesShorterEndsTheTransfer() throws {
    let path = try temporaryFile([UInt8](repeating: 7, count: 100))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try FileSource(path)
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path + ".new"))
    #expect(truncate(path, 10) == 0)
    try FileManager.default.removeItem(atPath: path + ".new")
    var buffer = [UInt8](repeating: 0, count: 100)
    #expect(file.byteCount == 100)
    let counts = buffer.withUnsafeMutableBytes { (file.read(at: 0, into: $0), file.read(at: 10, into: $0)) }
    #expect(counts == (10, 0))
  }

  /// libcurl would send it a second time over a new connection.
  @Test(arguments: [true, false]) func aRequestThatMustNotArriveTwiceDoesNot(isSentOnce: Bool) throws {
    let server = try ForgetfulServer()
    var request = HTTPConnection.Request(.post, server.url)
    request.body = .bytes([1], contentType: "text/plain")
    #expect(try connection.send(request).status == 200)
    request.isSentOnce = isSentOnce
    server.forget(1)
    #expect(fault(connection, request)?.kind == (isSentOnce ? .transport : nil))
    #expect(server.requestCount == (isSentOnce ? 2 : 3))
  }

  @Test func aServerThatIsAwayIsATransportFault() {
    #expect(fault(connection, .init(.get, "http://127.0.0.1:1/"))?.kind == .transport)
    #expect(fault(connection, .init(.get, "file:///etc/hostname"))?.kind == .permanent)
  }
}
