import HTTPServing
import HTTPTestKit
import Testing

/// What the server makes of paths and queries, over real connections.
@Suite struct RequestParsingTests {
  private let seen = Seen()

  private func makeServer() throws -> TestServer {
    let seen = seen
    return try TestServer { router in
      router.add("GET", "/items/{id}") { request in
        seen.append("item \(request.parameters["id"] ?? "-")")
        return .now(.text(request.parameters["id"] ?? ""))
      }
      router.add("GET", "/items/{id}/similar") { request in
        seen.append("similar \(request.parameters["id"] ?? "-")")
        return .now(.text(""))
      }
      router.add("GET", "/admin") { _ in .now(.text("admin")) }
      router.add("GET", "/query") { request in
        .now(.text(request.query.items.map { "\($0.name)=\($0.value)" }.joined(separator: "|") + " last=\(request.query["a"] ?? "-")"))
      }
      router.add("GET", "/host") { .now(.text($0.headers["host"] ?? "-")) }
    }
  }

  @Test(arguments: [
    ("/items/a%2Fb", "a/b"), ("/items/a%252Fb", "a%2Fb"), ("/items/%C3%A9", "é"), ("/items/é", "é"), ("/items/a+b", "a+b"),
    ("/items/a%20b", "a b"), ("/items/%2e%2e", ".."), ("/items/..", ".."), ("/items/a%3Fb", "a?b"),
  ])
  func anEscapedSegmentIsDecodedOnceAfterThePathIsSplit(path: String, id: String) throws {
    let response = try makeServer().client().get(path)
    #expect(response?.status == 200 && response?.body == id)
    #expect(seen.all == ["item \(id)"])
  }

  @Test func anEscapedSlashReachesNoOtherRoute() throws {
    let client = try makeServer().client()
    #expect(client.get("/items/x%2Fsimilar")?.body == "x/similar")
    #expect(client.get("/items%2Fx")?.status == 404)
    #expect(client.get("/items/..%2Fadmin")?.body == "../admin")
    #expect(client.get("/%61dmin")?.body == "admin")
    #expect(seen.all == ["item x/similar", "item ../admin"])
  }

  @Test(arguments: [
    "/items/a%00b", "/items/%", "/items/%2", "/items/%zz", "/items/%ff", "/items/%C3", "/nowhere/%00", "/query?a=%00", "/query?%ff=1",
  ])
  func aNULABadEscapeAndBadUTF8AreRefusedAndTheConnectionLives(path: String) throws {
    let client = try makeServer().client()
    let response = client.get(path)
    #expect(response?.status == 400 && response?.headers["content-type"] == "application/problem+json", "\(response?.body ?? "none")")
    #expect(response?.body.contains("%XX") == true)
    #expect(client.get("/items/a")?.status == 200)
    #expect(seen.all == ["item a"])
  }

  @Test func rawBytesThatAreNotUTF8AreRefused() throws {
    let client = try makeServer().client()
    client.send(Array("GET /items/".utf8) + [0xff] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    #expect(client.receive()?.status == 400)
    #expect(seen.all == [])
  }

  /// The library ends the target at a NUL, where a proxy may have seen a longer one.
  @Test(arguments: ["/similar", "/similar?a=1", "", "?a=1"]) func aNULInTheRequestLineReachesNoHandler(rest: String) throws {
    for start in ["/items/a", "/query?a=1&b", "/items/a?x="] {
      let client = try makeServer().client()
      client.send(Array("GET \(start)".utf8) + [0] + Array("\(rest) HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
      #expect(client.receive()?.status == 400 && client.isClosedByServer())
    }
    #expect(seen.all == [])
  }

  @Test func aRequestThatEndsInItsHeadDoesNoHarm() throws {
    let server = try makeServer()
    for text in ["GET /items/a HTTP/1.1\r\nHost", "GET /items/a HTTP/1.1\r\n", "GET /items/a HTTP/1.1\r\nBad\r\n\r\n"] {
      let client = try server.client()
      client.send(text)
    }
    #expect(try server.client().get("/items/a")?.status == 200)
    server.server.stop()
  }

  @Test(arguments: [
    ("/query?a=1&b=2&a=3", "a=1|b=2|a=3 last=3"), ("/query?a=x%26y%3Dz", "a=x&y=z last=x&y=z"), ("/query?a=1+2", "a=1 2 last=1 2"),
    ("/query?a=1%2B2", "a=1+2 last=1+2"), ("/query?a=%2541", "a=%41 last=%41"), ("/query?a", "a= last="),
    ("/query?a=b=c", "a=b=c last=b=c"),
    ("/query?%61=1", "a=1 last=1"), ("/query?", " last=-"),
  ])
  func aQueryIsDecodedOnceAndKeepsItsOrder(path: String, expected: String) throws {
    #expect(try makeServer().client().get(path)?.body == expected)
  }

  @Test(arguments: [("http://shop.example/items/a%2Fb", "a/b"), ("HTTP://shop.example:80/items/x?y=1", "x")])
  func theHostIsStrippedFromAnAbsoluteTarget(target: String, id: String) throws {
    #expect(try makeServer().client().get(target)?.body == id)
  }

  @Test func anAbsoluteTargetNamesTheHost() throws {
    #expect(try makeServer().client().get("http://evil.example/host")?.body == "evil.example")
    #expect(try makeServer().client().get("http://evil.example")?.status == 404)
  }

  @Test(arguments: ["get", "Get", "DELETE", "BREW"]) func methodsAreCaseSensitive(method: String) throws {
    let response = try makeServer().client().request(method, "/items/a")
    #expect(response?.status == 405 && response?.headers["allow"] == "GET, HEAD, OPTIONS")
  }

  @Test func aRequestOfHTTP11NeedsAHost() throws {
    let client = try makeServer().client()
    client.send("GET /items/a HTTP/1.1\r\n\r\n")
    #expect(client.receive()?.status == 400)
    #expect(seen.all == [])
  }

  @Test func optionsOfThePathAndOfTheServerNameTheMethods() throws {
    let client = try makeServer().client()
    #expect(client.request("OPTIONS", "/items/a")?.headers["allow"] == "GET, HEAD, OPTIONS")
    let all = client.request("OPTIONS", "*")
    #expect(all?.status == 204 && all?.headers["allow"] == "GET, HEAD, OPTIONS")
    #expect(client.request("OPTIONS", "/nowhere")?.status == 404)
  }
}
