import HTTPTestKit
import Testing

@testable import HTTPServing

/// Requests whose end a proxy could see elsewhere.
@Suite struct MessageFramingTests {
  private let seen = Seen()

  private func makeServer() throws -> TestServer {
    let seen = seen
    return try TestServer { router in
      router.add("POST", "/events") { request in
        seen.append(String(decoding: request.body, as: UTF8.self))
        return .now(.text("ok"))
      }
      router.add("GET", "/smuggled") { _ in
        seen.append("smuggled")
        return .now(.text("smuggled"))
      }
    }
  }

  private static let chunkedBody = "3\r\nabc\r\n0\r\n\r\n"

  /// The body holds a second request, which must never be answered.
  @Test(arguments: [
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Content-Length: 3\r\nContent-Length: 50",
    "Content-Length: 3\r\nContent-Length: 3", "Content-Length : 3", "Transfer-Encoding : chunked", "Host: other",
  ])
  func anAmbiguousRequestIsRefusedAndItsConnectionClosed(headers: String) throws {
    let client = try makeServer().client()
    client.send(
      "POST /events HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = client.receive()
    #expect(response?.status == 400, "\(response?.body ?? "closed")")
    #expect(client.receive() == nil)
    #expect(client.isClosedByServer())
    #expect(seen.all == [])
  }

  @Test func aRefusalSaysWhyAndThatTheConnectionCloses() throws {
    let client = try makeServer().client()
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
    let response = client.receive()
    #expect(response?.headers["connection"]?.lowercased() == "close")
    #expect(response?.body.contains("Content-Length and Transfer-Encoding contradict each other") == true)
    #expect(response?.body.contains(#""code":"bad_request""#) == true && response?.body.contains(#""instance":"/events""#) == true)
  }

  @Test func plainAndChunkedBodiesArrive() throws {
    let client = try makeServer().client()
    #expect(client.post("/events", body: "plain")?.status == 200)
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\(Self.chunkedBody)")
    #expect(client.receive()?.status == 200)
    #expect(client.get("/smuggled")?.status == 200)
    #expect(seen.all == ["plain", "abc", "smuggled"])
  }

  @Test(arguments: [
    ([("Content-Length", "+3")], false), ([("Content-Length", "")], false), ([("Content-Length", "3, 3")], false),
    ([("Transfer-Encoding", "chunked")], true), ([("Bad Name", "x")], false), ([("", "x")], false), ([("Content-Length\t", "3")], false),
  ])
  func faultsOfHeadersAreFound(headers: [(String, String)], isHTTP10: Bool) {
    #expect(MessageFraming.fault(headers.map { (name: $0.0, value: $0.1) }, isHTTP10: isHTTP10) != nil)
  }

  @Test func usualHeadersHaveNoFault() {
    let headers = [("Host", "a"), ("content-length", "0"), ("Accept", "*/*"), ("X-Forwarded-For", "1.2.3.4"), ("accept", "text/html")]
    #expect(MessageFraming.fault(headers.map { (name: $0.0, value: $0.1) }, isHTTP10: true) == nil)
  }
}
