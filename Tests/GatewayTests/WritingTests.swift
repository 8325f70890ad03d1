import Foundation
import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Routes that write: events, users, items, rules.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct WritingTests {
  private static let lines = "Content-Type: application/x-ndjson\r\n"

  @Test func eventsAreAcceptedAfterTheBrokerHasThem() throws {
    let fixture = try ServerFixture(publishes: false)
    let one = try fixture.send("POST", "/v1/events", #"{"user_id": "u1", "item_id": "i1", "event_id": "e1"}"#)
    #expect(one.status == 202 && one.json["accepted"].int == 1)
    let list = try fixture.send("POST", "/v1/events", #" [ {"user_id": "u2", "item_id": "i,[}\"1"}, {"user_id":"u3","item_id":"i2"} ] "#)
    #expect(list.status == 202 && list.json["accepted"].int == 2)
    let lines = try fixture.send(
      "POST", "/v1/events", "{\"user_id\":\"u4\",\"item_id\":\"i1\"}\n\n{\"user_id\":\"u5\",\"item_id\":\"i1\"}\r\n", headers: Self.lines)
    #expect(lines.status == 202 && lines.json["accepted"].int == 2)
    #expect(fixture.events.records.map { String(decoding: $0.key, as: UTF8.self) } == ["u1", "u2", "u3", "u4", "u5"])
    // What the engine will read is what was sent.
    let decoder = InteractionDecoder(fixture.engine.configuration.input)
    for (offset, record) in fixture.events.records.enumerated() {
      let read = decoder.decode(
        Record(offset: Int64(offset), timestampMilliseconds: 1, key: record.key, value: record.value), fallbackMilliseconds: 1)
      #expect(read.events.count == 1 && read.events[0].interaction.user == record.key)
    }
  }

  @Test func aBadEventStopsAllUnlessTheGoodOnesAreWanted() throws {
    let fixture = try ServerFixture(publishes: false)
    let body = #"[{"user_id": "u1", "item_id": "i1"}, {"user_id": "u2"}, {"user_id": "u3", "item_id": "i1", "timestamp": true}]"#
    let refused = try fixture.send("POST", "/v1/events", body)
    #expect(refused.status == 400 && refused.json["code"].text == "events" && refused.json["rejected"].int == 2)
    #expect(refused.json["errors"].list.map { $0["index"].int } == [1, 2])
    #expect(refused.json["errors"][0]["reason"].text == "missing_item_id" && fixture.events.records.isEmpty)
    let partial = try fixture.send("POST", "/v1/events?partial=1", body)
    #expect(partial.status == 202 && partial.json["accepted"].int == 1 && partial.json["rejected"].int == 2)
    #expect(fixture.events.records.count == 1)
    #expect(try fixture.send("POST", "/v1/events?partial=1", #"{"user_id": "u2"}"#).status == 400)
    for broken in ["", "[", "[{}", #"[{"user_id":"u","item_id":"i"},]"#, "[] x", "nonsense", "[1,2"] {
      #expect(try fixture.send("POST", "/v1/events", broken).status == 400, "\(broken)")
    }
    #expect(fixture.events.records.count == 1)
    let page = try #require(try fixture.client().get("/metrics")?.body)
    #expect(page.contains(#"freshet_gateway_events_total{result="accepted"} 1"#))
  }

  @Test func whatKafkaDoesNotTakeIsTold() throws {
    let fixture = try ServerFixture(publishes: false)
    fixture.events.answer(.uncertain("no delivery report within 10 s"))
    let uncertain = try fixture.send("POST", "/v1/events", #"{"user_id": "u1", "item_id": "i1"}"#)
    #expect(uncertain.status == 503 && uncertain.headers["retry-after"] == "1")
    #expect(
      uncertain.json["detail"].text?.contains("may have been written") == true && uncertain.json["fix"].text?.contains("event_id") == true)
    fixture.events.answer(.refused("the queue is full"))
    #expect(try fixture.send("DELETE", "/v1/users/u1").json["detail"].text?.contains("nothing was written") == true)
  }

  @Test func aUserIsForgottenByATombstone() throws {
    let fixture = try ServerFixture(publishes: false)
    let answer = try fixture.send("DELETE", "/v1/users/a%2Fb")
    #expect(answer.status == 202 && answer.json["forgotten"].text == "a/b")
    #expect(fixture.events.records == [OutgoingRecord(key: Array("a/b".utf8), value: nil)])
  }

  @Test func documentsAreWrittenReadAndChangedUnderTheirVersion() throws {
    let fixture = try ServerFixture(publishes: false)
    let put = try fixture.send("PUT", "/v1/items/sku%2F1?wait=5s", #"{"title": "Owl", "categories": ["home"], "price": 4.95}"#)
    #expect(put.status == 200 && put.json["item_id"].text == "sku/1")
    let read = try fixture.get("/v1/items/sku%2F1")
    let tag = try #require(read.headers["etag"])
    #expect(read.status == 200 && read.json["properties"]["price"].number == 4.95 && put.headers["etag"] == tag)
    #expect(try fixture.get("/v1/items/sku%2F1", headers: "If-None-Match: \(tag)\r\n").status == 304)
    let type = "Content-Type: application/merge-patch+json\r\n"
    #expect(try fixture.send("PATCH", "/v1/items/sku%2F1", #"{"title": "Oak"}"#, headers: type).status == 428)
    let stale = try fixture.send("PATCH", "/v1/items/sku%2F1", #"{"title": "Oak"}"#, headers: type + "If-Match: \"abc\"\r\n")
    #expect(stale.status == 412)
    let patched = try fixture.send(
      "PATCH", "/v1/items/sku%2F1?wait=5s", #"{"title": "Oak", "price": null}"#, headers: type + "If-Match: \(tag)\r\n")
    #expect(patched.status == 200 && patched.json["title"].text == "Oak" && patched.json["properties"]["price"].number == nil)
    #expect(try fixture.send("PATCH", "/v1/items/sku%2F1", "{}", headers: type + "If-Match: \(tag)\r\n").status == 412)
    #expect(try fixture.send("DELETE", "/v1/items/sku%2F1?wait=5s").status == 204)
    #expect(try fixture.get("/v1/items/sku%2F1").status == 404)
    #expect(fixture.items.records.last?.value == nil)
    #expect(try fixture.send("PUT", "/v1/items/a", #"{"item_id": "b"}"#).status == 400)
    #expect(try fixture.send("PUT", "/v1/items/a", #"{"title": 1.5}"#).json["field"].text == "title")
    #expect(try fixture.send("PUT", "/v1/items/a?wait=1h", "{}").status == 400)
  }

  @Test func manyDocumentsAtOnce() throws {
    let fixture = try ServerFixture(publishes: false)
    let good = "{\"item_id\":\"a\",\"title\":\"A\"}\n{\"item_id\":\"b\"}\n"
    #expect(try fixture.send("POST", "/v1/items", good, headers: Self.lines).json["accepted"].int == 2)
    let bad = try fixture.send("POST", "/v1/items", good + "{\"title\":\"C\"}\n", headers: Self.lines)
    #expect(bad.status == 400 && bad.json["errors"][0]["index"].int == 2 && fixture.items.records.count == 2)
  }

  @Test func aGatewayWithoutBrokersSaysSo() throws {
    let redis = try RedisFixture()
    let configuration = GatewayConfiguration(
      server: GatewayConfiguration.serverDefaults(listen: "127.0.0.1:0"), redis: redis.redis, input: .init())
    var small = configuration
    small.server.connectionsMax = 64
    small.server.connectionsReserved = 4
    let server = try GatewayServer(small)
    defer { server.stop() }
    let answer = try #require(try HTTPClient.post(server.port, "/v1/events", #"{"user_id":"u","item_id":"i"}"#))
    #expect(answer.status == 501 && answer.body.contains("gateway.writes"))
    #expect(try HTTPClient.get(server.port, "/v1/explain/u/i")?.status == 501)
  }
}
