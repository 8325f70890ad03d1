import Dispatch
import Glibc
import HTTPTestKit
import Synchronization
import Telemetry
import Testing

@testable import HTTPServing

@Suite struct PushedResponseTests {
  typealias Complete = @Sendable (HTTPResponse) -> Void

  private final class Box: Sendable {
    let waiting = Mutex<[Complete]>([])
    var count: Int { waiting.withLock { $0.count } }
    func take() -> Complete? { waiting.withLock { $0.popLast() } }

    func wait(for count: Int) {
      let end = MonotonicClock.nanoseconds() + 5_000_000_000
      while self.count < count, MonotonicClock.nanoseconds() < end { usleep(500) }
    }
  }

  private let box = Box()
  private let seen = Seen()

  private func makeServer(_ change: (inout HTTPServerConfiguration) -> Void = { _ in }) throws -> TestServer {
    let box = box
    let seen = seen
    return try TestServer(observe: { seen.append("\($0) \($1)") }, change) { router in
      router.add("POST", "/events") { _ in .pushed { complete in box.waiting.withLock { $0.append(complete) } } }
      router.add("POST", "/at-once") { _ in .pushed { $0(.text("at once")) } }
      router.add("POST", "/forgotten") { _ in .pushed { _ in } }
      router.add("GET", "/livez") { _ in .now(.text("ok")) }
    }
  }

  @Test func theResponseIsSentWhenItIsThere() throws {
    let server = try makeServer()
    let client = try server.client()
    for round in 0..<20 {
      client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
      box.wait(for: 1)
      let start = MonotonicClock.nanoseconds()
      box.take()?(.text("round \(round)", status: 202))
      #expect(client.receive()?.body == "round \(round)")
      // Polling would take 25 ms on average.
      if round > 0 { #expect(MonotonicClock.nanoseconds() - start < 1_000_000_000) }
    }
    #expect(seen.all == Array(repeating: "/events 202", count: 20))
  }

  /// The mean, because a busy machine may delay any one of them.
  @Test func pushedResponsesDoNotWaitForATick() throws {
    let client = try makeServer().client()
    let start = MonotonicClock.nanoseconds()
    for _ in 0..<100 { #expect(client.post("/at-once")?.body == "at once") }
    #expect(MonotonicClock.nanoseconds() - start < 100 * 25_000_000)
  }

  @Test func onlyTheFirstCallCounts() throws {
    let server = try makeServer()
    let client = try server.client()
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    box.wait(for: 1)
    let complete = try #require(box.take())
    DispatchQueue.concurrentPerform(iterations: 8) { complete(.text("call \($0)")) }
    #expect(client.receive()?.body.hasPrefix("call ") == true)
    complete(.text("late"))
    #expect(client.get("/livez")?.body == "ok")
    #expect(seen.all == ["/events 200", "/livez 200"])
  }

  @Test func manyRequestsWaitWithoutAThread() throws {
    let server = try makeServer { $0.connectionsMax = 200 }
    let clients = try (0..<100).map { _ in try server.client() }
    for client in clients { client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") }
    box.wait(for: 100)
    #expect(box.count == 100)
    #expect(try server.client().get("/livez")?.body == "ok")
    while let complete = box.take() { complete(.text("done")) }
    for client in clients { #expect(client.receive()?.body == "done") }
  }

  @Test func tooManyAreTurnedAwayWithoutStarting() throws {
    let server = try makeServer { $0.pushedMax = 2 }
    let clients = try (0..<2).map { _ in try server.client() }
    for client in clients { client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") }
    box.wait(for: 2)
    let refused = try server.client().post("/events")
    #expect(refused?.status == 503 && refused?.headers["retry-after"] == "1" && box.count == 2)
    box.take()?(.text("done"))
    let client = try server.client()
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    box.wait(for: 2)
    #expect(box.count == 2)
  }

  @Test func stoppingAnswersThoseWhoWaitAndLaterCallsDoNothing() throws {
    let server = try makeServer()
    let client = try server.client()
    client.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    box.wait(for: 1)
    server.server.stop()
    #expect(client.receive()?.status == 503)
    box.take()?(.text("late"))
    #expect(seen.all == ["/events 503"])
  }

  @Test func aClientThatLeavesDoesNoHarm() throws {
    let server = try makeServer()
    var client: RawClient? = try server.client()
    client?.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    box.wait(for: 1)
    client = nil
    usleep(20_000)
    box.take()?(.text("nobody reads this"))
    #expect(try server.client().get("/livez")?.body == "ok")
    server.server.stop()
  }

  @Test func whatNobodyCanAnswerAnyMoreIsAnsweredInstead() throws {
    let client = try makeServer().client()
    #expect(client.post("/forgotten")?.status == 503)
    #expect(client.get("/livez")?.body == "ok")
  }

  @Test func aResponseThatDoesNotComeIsReplacedAtItsDeadline() throws {
    let server = try makeServer { $0.pushedSecondsMax = 1 }
    #expect(try server.client().post("/events")?.status == 503)
    box.take()?(.text("late"))
    #expect(try server.client().get("/livez")?.body == "ok")
  }

  @Test func eachRequestIsDeliveredOnceWhateverEndsIt() {
    let responses = PushedResponses(countMax: 10, secondsMax: 5)
    let delivered = Seen()
    let box = box
    for number in 0..<3 {
      responses.start(
        PushedResponse(start: { complete in box.waiting.withLock { $0.append(complete) } }, instead: { .text("instead") }), now: 0
      ) { delivered.append("\(number) \(String(decoding: $0.body, as: UTF8.self))") }
    }
    box.take()?(.text("pushed"))
    responses.endOverdue(now: 4_999_999_999)
    #expect(delivered.all == ["2 pushed"])
    responses.endOverdue(now: 5_000_000_000)
    #expect(Set(delivered.all) == ["2 pushed", "0 instead", "1 instead"] && responses.count == 0)
    responses.close()
    responses.start(PushedResponse(start: { _ in delivered.append("started") }, instead: { .text("closed") })) { _ in
      delivered.append("closed")
    }
    #expect(delivered.all.count == 4 && delivered.all.last == "closed")
  }
}
