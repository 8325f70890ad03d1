import Dispatch
import Glibc
import HTTPTestKit
import Synchronization
import Telemetry
import Testing

@testable import HTTPServing

@Suite struct HTTPServerTests {
  private let application = TestApplication()

  private func makeServer(_ change: (inout HTTPServerConfiguration) -> Void = { _ in }) throws -> HTTPServer {
    var configuration = HTTPServerConfiguration(listen: "127.0.0.1:0")
    change(&configuration)
    let requests = MetricFamilyBox(registry: application.registry)
    return try HTTPServer(configuration, router: application.router(observe: requests.count))
  }

  private struct MetricFamilyBox: Sendable {
    let registry: MetricRegistry
    var count: Router.Observer {
      let registry = registry
      return { registry.counter(MetricNames.adminRequests, labels: [$0, "\($1)"]).add() }
    }
  }

  private func counted(_ route: String, _ code: Int) -> Double {
    application.registry.counter(MetricNames.adminRequests, labels: [route, "\(code)"]).value
  }

  @Test func oneConnectionServesManyRequests() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    for _ in 0..<50 {
      let response = client.get("/v1/status")
      #expect(response?.status == 200)
      #expect(response?.body == "{\"users\":3}\n")
      #expect(response?.headers["connection"]?.lowercased() != "close")
    }
    #expect(client.post("/v1/jobs")?.status == 202)
    #expect(client.get("/livez")?.status == 200)
    #expect(counted("/v1/status", 200) == 50)
  }

  @Test func pipelinedRequestsAreAnsweredInOrder() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    let head = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.send("GET /v1/status\(head)GET /nowhere\(head)GET /livez\(head)")
    #expect((0..<3).map { _ in client.receive()?.status } == [200, 404, 200])
  }

  @Test func metricsComeThroughByteForByte() throws {
    let server = try makeServer()
    application.registry.gauge(.gauge("freshet_users", "Users with a history.")).set(3)
    let response = try RawClient(port: server.port).get("/metrics")
    #expect(response?.headers["content-type"] == PrometheusText.contentType)
    #expect(response?.body == "# HELP freshet_users Users with a history.\n# TYPE freshet_users gauge\nfreshet_users 3\n")
  }

  @Test func headSendsTheLengthWithoutTheBody() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    client.send("HEAD /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let head = client.receive(hasBody: false)
    #expect(head?.status == 200)
    #expect(head?.headers["content-length"] == "12")
    #expect(client.get("/livez")?.body == "ok\n")
  }

  @Test func unknownPathsAndMethodsAreToldApart() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    #expect(client.get("/nowhere")?.status == 404)
    let response = client.post("/v1/status")
    #expect(response?.status == 405)
    #expect(response?.headers["allow"] == "GET, HEAD, OPTIONS")
    #expect(client.get("/readyz?verbose")?.headers["content-type"] == "application/json")
  }

  @Test func bodyThatIsTooLargeGets413AndTheConnectionLives() throws {
    let server = try makeServer { $0.bodyBytesMax = 1000 }
    let client = try RawClient(port: server.port)
    #expect(client.post("/v1/jobs", body: String(repeating: "x", count: 1000))?.status == 202)
    let response = client.post("/v1/jobs", body: String(repeating: "x", count: 1001))
    #expect(response?.status == 413)
    #expect(response?.body.contains("larger than 1000 bytes") == true)
    #expect(client.get("/livez")?.status == 200)
    #expect(counted("/v1/jobs", 413) == 1)
    #expect(application.jobsStarted == 1)
  }

  @Test func bodyOfOneMebibyteIsTheDefaultLimit() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    #expect(client.post("/v1/jobs", body: String(repeating: "x", count: 1 << 20))?.status == 202)
    #expect(client.post("/v1/jobs", body: String(repeating: "x", count: 1 << 20 + 1))?.status == 413)
  }

  @Test func chunkedBodyThatIsTooLargeGets413() throws {
    let server = try makeServer { $0.bodyBytesMax = 1000 }
    let client = try RawClient(port: server.port)
    client.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in 0..<3 { client.send("1f4\r\n" + String(repeating: "x", count: 500) + "\r\n") }
    client.send("0\r\n\r\n")
    #expect(client.receive()?.status == 413)
  }

  @Test func clientThatAsksFirstIsToldBeforeItSendsALargeBody() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    client.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.receive()?.status == 413)
  }

  @Test func oversizeHeadersAreRefused() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: " + String(repeating: "x", count: 40_000) + "\r\n\r\n")
    let status = client.receive()?.status
    #expect(status == 431)
    #expect(try RawClient(port: server.port).get("/livez")?.status == 200)
  }

  @Test func slowClientIsClosedAndBlocksNobody() throws {
    let server = try makeServer { $0.timeoutSeconds = 1 }
    let slow = try (0..<8).map { _ in try RawClient(port: server.port) }
    for client in slow { client.send("GET /livez HT") }
    for _ in 0..<20 { #expect(try RawClient(port: server.port).get("/livez")?.status == 200) }
    for client in slow { #expect(client.isClosedByServer()) }
  }

  @Test func bodyThatDripsIsCutOff() throws {
    let server = try makeServer { $0.bodySecondsMax = 0 }
    let client = try RawClient(port: server.port)
    client.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
    let start = MonotonicClock.nanoseconds()
    while client.send("x"), MonotonicClock.nanoseconds() - start < 5_000_000_000 { usleep(20_000) }
    #expect(client.isClosedByServer())
    #expect(MonotonicClock.nanoseconds() - start < 4_000_000_000)
    #expect(application.jobsStarted == 0)
  }

  /// Sends a byte each 50 ms until the server ends the connection; how long that took.
  private func drip(_ client: RawClient) -> Double {
    let start = MonotonicClock.nanoseconds()
    while client.send("x"), MonotonicClock.nanoseconds() - start < 8_000_000_000 { usleep(50_000) }
    return Double(MonotonicClock.nanoseconds() - start) / 1e9
  }

  @Test func headThatDripsIsCutOffAtItsDeadline() throws {
    let server = try makeServer {
      $0.headSecondsMax = 1
      $0.timeoutSeconds = 10
    }
    let first = try RawClient(port: server.port)
    first.send("GET /livez HTTP/1.1\r\nX-Long: ")
    let seconds = drip(first)
    #expect(seconds > 0.9 && seconds < 3)
    // The second request of a connection has the same deadline.
    let second = try RawClient(port: server.port)
    #expect(second.get("/livez")?.status == 200)
    second.send("GET /livez HTTP/1.1\r\nX-Long: ")
    #expect(drip(second) < 3)
  }

  @Test func bodyThatDripsIsCutOffAtItsDeadlineToo() throws {
    let server = try makeServer { $0.bodySecondsMax = 1 }
    let client = try RawClient(port: server.port)
    client.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
    #expect(drip(client) < 3)
    #expect(application.jobsStarted == 0)
  }

  @Test func probesAreAnsweredWhileSlowClientsHoldConnections() throws {
    let server = try makeServer()
    var slow: [RawClient] = []
    for index in 0..<64 {
      guard let client = try? RawClient(port: server.port) else { continue }
      slow.append(client)
      client.send(
        index % 2 == 0 ? "GET /livez HTTP/1.1\r\nX: " : "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n")
    }
    let start = MonotonicClock.nanoseconds()
    for _ in 0..<20 {
      for client in slow { client.send("x") }
      #expect(try RawClient(port: server.port, secondsMax: 2).get("/livez")?.status == 200)
    }
    #expect(MonotonicClock.nanoseconds() - start < 5_000_000_000)
  }

  @Test func manyClientsAreServedAtOnce() throws {
    let server = try makeServer()
    let good = Atomic<Int>(0)
    let port = server.port
    DispatchQueue.concurrentPerform(iterations: 32) { _ in
      guard let client = try? RawClient(port: port) else { return }
      for _ in 0..<20 where client.get("/v1/status")?.status == 200 { good.add(1, ordering: .relaxed) }
    }
    #expect(good.load(ordering: .relaxed) == 640)
  }

  @Test func connectionsAboveTheLimitDoNotBreakTheServer() throws {
    let server = try makeServer { $0.connectionsMax = 4 }
    var clients: [RawClient] = []
    for _ in 0..<12 { clients.append(try RawClient(port: server.port, secondsMax: 1)) }
    clients = []
    #expect(try RawClient(port: server.port).get("/livez")?.status == 200)
  }

  @Test func waitingRequestsBlockNobodyAndEndWithTheJob() throws {
    let server = try makeServer { $0.waitingMax = 3 }
    application.set("r-1", "running")
    let waiting = try (0..<3).map { _ in try RawClient(port: server.port) }
    for client in waiting { client.send("POST /v1/jobs?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") }
    while application.jobsStarted < 3 { usleep(1000) }
    let others = try (0..<8).map { _ in try RawClient(port: server.port) }
    for client in others { #expect(client.get("/livez")?.status == 200) }

    let turnedAway = others[0].post("/v1/jobs?wait=60")
    #expect(turnedAway?.status == 202)
    #expect(turnedAway?.body.contains("poll GET /v1/jobs/r-1") == true)

    application.set("r-1", "done")
    for client in waiting {
      let response = client.receive()
      #expect(response?.status == 200)
      #expect(response?.body.contains("\"state\":\"done\"") == true)
      #expect(client.get("/livez")?.status == 200)
    }
  }

  @Test func waitingLongerThanTheConnectionTimeoutStillGetsAnAnswer() throws {
    let server = try makeServer { $0.timeoutSeconds = 1 }
    let client = try RawClient(port: server.port)
    let response = client.post("/v1/jobs?wait=2.5")
    #expect(response?.status == 202)
    #expect(response?.body == "{\"job\":\"r-1\"}\n")
  }

  @Test func stoppingAnswersThoseWhoWait() throws {
    let server = try makeServer()
    let client = try RawClient(port: server.port)
    client.send("POST /v1/jobs?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    while application.jobsStarted < 1 { usleep(1000) }
    server.stop()
    #expect(client.receive()?.status == 202)
    #expect(throws: RawClient.Refused.self) { _ = try RawClient(port: server.port) }
    server.stop()
  }

  @Test func clientThatLeavesWhileItWaitsDoesNoHarm() throws {
    let server = try makeServer()
    application.set("r-1", "running")
    var client: RawClient? = try RawClient(port: server.port)
    client?.send("POST /v1/jobs?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    while application.jobsStarted < 1 { usleep(1000) }
    client = nil
    application.set("r-1", "done")
    #expect(try RawClient(port: server.port).get("/livez")?.status == 200)
    server.stop()
  }

  @Test func takenPortNamesTheFix() throws {
    let server = try makeServer()
    let error = #expect(throws: HTTPServerError.self) { _ = try makeServer { $0.listen = server.address } }
    #expect(error?.code == .addressInUse)
    #expect(error?.description.contains("--set admin.listen=127.0.0.1:0") == true)
  }

  @Test(arguments: ["0.0.0.0:0", "[::]:0", "192.168.0.1:80"]) func otherAddressesThanLoopbackAreRefused(listen: String) {
    let error = #expect(throws: HTTPServerError.self) { _ = try makeServer { $0.listen = listen } }
    #expect(error?.code == .notLoopback)
  }

  @Test func anotherAddressIsTakenWhereItIsAllowedAndANameIsNot() throws {
    let server = try makeServer {
      $0.listen = "0.0.0.0:0"
      $0.allowsRemote = true
    }
    #expect(try RawClient(port: server.port).get("/livez")?.status == 200)
    let error = #expect(throws: HTTPServerError.self) {
      _ = try makeServer {
        $0.listen = "example.org:80"
        $0.allowsRemote = true
        $0.key = "probes.listen"
      }
    }
    #expect(error?.code == .notAnAddress && error?.description.hasPrefix("probes.listen=example.org:80") == true)
  }

  @Test(arguments: ["", "8080", ":80", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:80"])
  func malformedAddressesAreRefused(listen: String) {
    let error = #expect(throws: HTTPServerError.self) { _ = try makeServer { $0.listen = listen } }
    #expect(error?.code == .malformedAddress)
  }

  @Test func localhostAndPort0GetAFreePort() throws {
    let server = try makeServer { $0.listen = "localhost:0" }
    #expect(server.port > 0)
    #expect(server.address == "127.0.0.1:\(server.port)")
  }

  @Test func queriesAndEscapedPathsAreDecoded() throws {
    application.set("r 1", "done")
    let server = try makeServer()
    #expect(try RawClient(port: server.port).get("/v1/jobs/r%201?x=%26&y")?.status == 200)
  }
}
