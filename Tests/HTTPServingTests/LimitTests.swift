import Glibc
import HTTPTestKit
import Telemetry
import Testing

@testable import HTTPServing

/// What bounds memory and connections.
@Suite struct LimitTests {
  private let seen = Seen()

  private func makeServer(
    policy: RouterPolicy = RouterPolicy(), _ change: (inout HTTPServerConfiguration) -> Void = { _ in }
  ) throws -> TestServer {
    let seen = seen
    return try TestServer(policy: policy, change) { router in
      router.add("POST", "/events") { request in
        seen.append("\(request.body.count)")
        return .now(.text("ok"))
      }
      var small = RouteOptions()
      small.bodyBytesMax = 10
      router.add("POST", "/beacon", options: small) { request in
        seen.append("beacon \(request.body.count)")
        return .now(.text("ok"))
      }
      router.add("GET", "/livez", options: RouteOptions(requirement: .nothing)) { _ in .now(.text("ok")) }
    }
  }

  @Test func aRouteMayTakeLessThanTheServerAndNeverMore() throws {
    let client = try makeServer { $0.bodyBytesMax = 20 }.client()
    #expect(client.post("/beacon", body: String(repeating: "x", count: 10))?.status == 200)
    #expect(client.post("/beacon", body: String(repeating: "x", count: 11))?.status == 413)
    #expect(client.post("/events", body: String(repeating: "x", count: 20))?.status == 200)
    #expect(client.post("/events", body: String(repeating: "x", count: 21))?.status == 413)
    #expect(seen.all == ["beacon 10", "20"])
  }

  @Test func theBodiesOfAllRequestsTogetherAreBounded() throws {
    let server = try makeServer { $0.bodiesBytesMax = 1000 }
    let first = try server.client()
    first.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 901\r\n\r\n" + String(repeating: "x", count: 900))
    usleep(100_000)
    let second = try server.client()
    let refused = second.post("/events", body: String(repeating: "x", count: 200))
    #expect(refused?.status == 503 && refused?.headers["retry-after"] == "1")
    #expect(second.post("/events", body: String(repeating: "x", count: 50))?.status == 200)
    first.send("x")
    #expect(first.receive()?.status == 200)
    // All is given back, also by the one who was refused.
    for _ in 0..<5 { #expect(second.post("/events", body: String(repeating: "x", count: 1000))?.status == 200) }
  }

  @Test func aClientThatLeavesGivesItsMemoryBack() throws {
    let server = try makeServer { $0.bodiesBytesMax = 1000 }
    for _ in 0..<3 {
      var client: RawClient? = try server.client()
      client?.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 901\r\n\r\n" + String(repeating: "x", count: 900))
      usleep(50_000)
      client = nil
    }
    // The server notices in its own time.
    let body = String(repeating: "x", count: 1000)
    #expect(
      try (0..<50).contains { _ in
        usleep(100_000)
        return try server.client().post("/events", body: body)?.status == 200
      })
  }

  /// Nor is a body asked for that nobody will read.
  @Test func nobodysBodyIsKeptWhoIsNotLetIn() throws {
    let reader = try AccessToken.make(name: "r", role: .read)
    let file = try TemporaryFile(reader.line)
    let tokens = try AccessTokenFile(key: "k", path: file.path, log: .disabled) { try String(contentsOfFile: $0, encoding: .utf8) }
    let server = try makeServer(policy: RouterPolicy(access: .tokens(tokens))) { $0.bodiesBytesMax = 100 }
    let client = try server.client()
    #expect(client.post("/events", body: String(repeating: "x", count: 10_000))?.status == 401)
    let token = ["Authorization: Bearer \(reader.token)"]
    #expect(client.request("POST", "/events", token, body: String(repeating: "x", count: 100))?.status == 200)
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.receive()?.status == 401)
  }

  @Test func oneAddressMayHaveAllConnectionsUnlessItIsLimited() throws {
    // No connection may time out before its turn.
    let server = try makeServer {
      $0.connectionsMax = 100
      ($0.timeoutSeconds, $0.headSecondsMax) = (120, 120)
    }
    let clients = try (0..<70).map { _ in try server.client() }
    for client in clients { #expect(client.get("/livez")?.status == 200) }
    let limited = try makeServer {
      $0.connectionsMax = 100
      $0.connectionsPerAddressMax = 2
      // Neither of the two connections may time out before the third one is tried.
      ($0.timeoutSeconds, $0.headSecondsMax) = (120, 120)
    }
    let both = try (0..<2).map { _ in try limited.client() }
    for client in both { #expect(client.get("/livez")?.status == 200) }
    let third = try limited.client().get("/livez")
    withExtendedLifetime(both) { #expect(third == nil) }
  }

  @Test func moreConnectionsThanFilesAreRefusedWithTheFix() throws {
    let error = #expect(throws: HTTPServerError.self) { try makeServer { $0.connectionsMax = 2_000_000_000 } }
    #expect(error?.description.contains("LimitNOFILE") == true, "\(error.map { "\($0)" } ?? "none")")
    #expect(try makeServer { $0.connectionsMax = 2000 }.client().get("/livez")?.status == 200)
  }

  @Test func theTimeOfHandlersIsObserved() throws {
    let times = Seen()
    var policy = RouterPolicy()
    policy.observeDuration = { route, nanoseconds in times.append("\(route) \(nanoseconds >= 20_000_000)") }
    let server = try TestServer(policy: policy) { router in
      router.add("GET", "/slow/{id}") { _ in
        usleep(20_000)
        return .now(.text("slow"))
      }
      router.add("GET", "/pushed") { _ in
        .pushed { complete in
          usleep(20_000)
          complete(.text("pushed"))
        }
      }
    }
    let client = try server.client()
    #expect(client.get("/slow/7")?.status == 200 && client.get("/pushed")?.status == 200 && client.get("/nowhere")?.status == 404)
    #expect(times.all == ["/slow/{id} true", "/pushed true"])
  }
}
