import Foundation
import HTTPServing
import Synchronization
import Telemetry
import Testing

@testable import Gateway

/// What the gateway passes on to the engine.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct EngineQuestionTests {
  @Test func questionsArePassedOn() throws {
    let fixture = try ServerFixture(publishes: false)
    let why = try fixture.get("/v1/explain/a%2Fb/i%2B1").json
    #expect(why["path"].text == "/v1/explain" && why["user"].text == "a/b" && why["item"].text == "i+1")
    let users = try fixture.get("/v1/similar-users/u1?n=7").json
    #expect(users["path"].text == "/v1/similar-users" && users["user"].text == "u1" && users["n"].text == "7")
    #expect(try fixture.get("/v1/similar-users/u1").json["n"].text == "10")
    #expect(try fixture.get("/v1/similar-users/nobody").json["code"].text == "not_found")
    for n in ["0", "101", "x"] { #expect(try fixture.get("/v1/similar-users/u1?n=\(n)").status == 400, "\(n)") }
  }

  /// Only so many questions wait, and lists are answered meanwhile.
  @Test func anEngineThatHangsHoldsUpNothingElse() throws {
    let gate = DispatchSemaphore(value: 0)
    let asked = Mutex(0)
    let fixture = try ServerFixture(
      engine: { _ throws(Problem) in
        asked.withLock { $0 += 1 }
        gate.wait()
        return .json(["late": true] as JSONValue)
      })
    let clients = try (0..<EngineDesk.waitingMax).map { _ in try fixture.client() }
    for client in clients { client.send("GET /v1/explain/u1/i1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") }
    #expect(eventually { asked.withLock { $0 } == EngineDesk.waitingMax })
    #expect(try fixture.get("/v1/explain/u1/i1").status == 503)
    #expect(try fixture.get("/v1/recommend/u1").status == 200)
    #expect(try fixture.get("/v1/similar-users/u1").headers["retry-after"] == "1")
    for _ in clients { gate.signal() }
    for client in clients { #expect(client.receive()?.status == 200) }
    gate.signal()
    #expect(try fixture.get("/v1/explain/u1/i1").status == 200)
  }
}
