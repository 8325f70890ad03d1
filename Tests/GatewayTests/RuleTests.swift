import Foundation
import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Rules, diversity and the id of an answer, over HTTP.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct RuleTests {
  private func put(_ fixture: ServerFixture, _ id: String, _ body: String) throws {
    let answer = try fixture.send("PUT", "/v1/rules/\(id)", body)
    #expect(answer.status == 201 || answer.status == 200, "\(answer)")
  }

  @Test func rulesAreInForceWithinASecondAndTellThatTheyTouchedAnItem() throws {
    let fixture = try ServerFixture()
    let before = try fixture.get("/v1/recommend/u8").json.ids
    let pinned = "i70"
    try put(fixture, "pin-70", #"{"kind": "pin", "target": {"item": "\#(pinned)"}, "position": 2}"#)
    let start = ContinuousClock.now
    #expect(try eventually { try fixture.get("/v1/recommend/u8").json.ids.dropFirst().first == pinned })
    #expect(ContinuousClock.now - start < .seconds(1))
    let list = try fixture.get("/v1/recommend/u8").json
    #expect(list["items"][1]["rules"][0].text == "pin-70" && list.ids.count == 10)
    #expect(list.ids.filter { $0 != pinned } == Array(before.filter { $0 != pinned }.prefix(9)))

    try put(fixture, "no-evens", #"{"kind": "exclude", "target": {"category": "even"}}"#)
    #expect(try eventually { try fixture.get("/v1/recommend/u8").json.ids.allSatisfy { Int($0.dropFirst())! % 2 == 1 } })
    #expect(try fixture.get("/v1/popular?n=50").json.ids.allSatisfy { Int($0.dropFirst())! % 2 == 1 })
    let explained = try fixture.get("/v1/recommend/u8?explain=true").json
    #expect(explained["notes"].list.contains { $0.text?.contains("pin-70") == true })

    #expect(try fixture.send("DELETE", "/v1/rules/no-evens").status == 204)
    #expect(try fixture.send("DELETE", "/v1/rules/pin-70").status == 204)
    #expect(try fixture.send("DELETE", "/v1/rules/pin-70").status == 404)
    #expect(try eventually { try fixture.get("/v1/recommend/u8").json.ids == before })
  }

  /// A boost lifts items that were far below the list; bury puts them below all others.
  @Test func boostAndBury() throws {
    let fixture = try ServerFixture()
    let all = try fixture.get("/v1/recommend/u10?n=60").json["items"].list
    let own = all.filter { $0["source"].text != "popular" }.compactMap { $0["item"].text }
    let target = own[35]
    let spread = all[0]["score"].number! - all[9]["score"].number!
    let needed = (all[0]["score"].number! - all.first { $0["item"].text == target }!["score"].number!) / spread
    try put(fixture, "up", #"{"kind": "boost", "target": {"item": "\#(target)"}, "strength": 3}"#)
    if needed < 2.9 {
      #expect(try eventually { try fixture.get("/v1/recommend/u10").json.ids.first == target })
    } else {
      #expect(try eventually { try fixture.get("/v1/recommend/u10?n=60").json.ids.firstIndex(of: target)! < 35 })
    }
    try put(fixture, "down", #"{"kind": "bury", "target": {"item": "\#(own[0])"}}"#)
    #expect(try eventually { try !fixture.get("/v1/recommend/u10").json.ids.contains(own[0]) })
  }

  @Test func placementsAndBrokenRules() throws {
    let fixture = try ServerFixture()
    let before = try fixture.get("/v1/recommend/u8").json.ids
    try put(fixture, "cart", #"{"kind": "exclude", "target": {"item": "\#(before[0])"}, "placement": "cart"}"#)
    #expect(try eventually { try !fixture.get("/v1/recommend/u8?placement=cart").json.ids.contains(before[0]) })
    #expect(try fixture.get("/v1/recommend/u8?placement=home").json.ids == before)
    let bad = try fixture.send("PUT", "/v1/rules/x", #"{"kind": "pin", "target": {"item": "a"}}"#)
    #expect(bad.status == 400 && bad.json["field"].text == "position")
    let filter = try fixture.send("PUT", "/v1/rules/x", #"{"kind": "bury", "target": {"filter": "price <"}}"#)
    #expect(filter.status == 400 && filter.json["reason"].text == "bad_filter")
    #expect(try fixture.get("/v1/rules").json["rules"].list.map { $0["id"].text } == ["cart"])
    #expect(try fixture.get("/v1/rules/cart").json["placement"].text == "cart")
    #expect(try fixture.get("/v1/rules/x").status == 404)
  }

  @Test func aPreviewChangesNothing() throws {
    let fixture = try ServerFixture()
    let before = try fixture.get("/v1/recommend/u8").json.ids
    let body = #"{"rule": {"kind": "pin", "target": {"item": "i70"}, "position": 1}, "users": ["u8", "nobody"]}"#
    let preview = try fixture.send("POST", "/v1/rules:preview", body)
    #expect(preview.status == 200)
    let first = preview.json["results"][0]
    #expect(first["before"].list.compactMap { $0["item"].text } == before)
    #expect(first["after"][0]["item"].text == "i70" && first["after"][0]["rules"][0].text == "preview")
    #expect(try fixture.get("/v1/recommend/u8").json.ids == before && fixture.get("/v1/rules").json["rules"].list.isEmpty)
  }

  @Test func categoryCapsAndDiversity() throws {
    let fixture = try ServerFixture()
    func three(_ ids: [String]) -> Int { ids.count { Int($0.dropFirst())! % 3 == 0 } }
    let capped = try fixture.get("/v1/recommend/u11?max_per_category=2").json.ids
    let evens = capped.count { Int($0.dropFirst())! % 2 == 0 }
    #expect(capped.count == 10 && three(capped) <= 2 && evens <= 2)
    let plain = try fixture.get("/v1/recommend/u11").json.ids
    let diverse = try fixture.get("/v1/recommend/u11?diversity=0.9").json.ids
    #expect(diverse.count == 10 && diverse.first == plain.first && diverse != plain)
    #expect(try fixture.get("/v1/recommend/u11?diversity=0").json.ids == plain)
  }

  @Test func theIDOfAnAnswerSaysWhatWasShown() throws {
    let key = Array("a key for tests".utf8)
    let fixture = try ServerFixture { $0.recommendationKey = key }
    let answer = try fixture.get("/v1/recommend/u12?placement=home")
    let text = try #require(answer.json["recommendation_id"].text)
    let id = try RecommendationIdentifier(text, RecommendationSigner(key: key).code)
    #expect(id.isFor("u12") && !id.isFor("u13") && id.items.count == 10 && Int(id.epoch) == answer.json["epoch"].int)
    for (rank, item) in answer.json.ids.enumerated() { #expect(id.rank(of: item) == rank + 1) }
    #expect(throws: RecommendationIdentifier.Fault.forged) {
      try RecommendationIdentifier(text, RecommendationSigner(key: [1]).code)
    }
  }

  /// Test case 2 of RFC 4231, and a key that is longer than a block (case 6).
  @Test func codesAreThoseOfHMAC() {
    let short = RecommendationSigner(key: Array("Jefe".utf8)).code(Array("what do ya want for nothing?".utf8))
    #expect(short.prefix(8).elementsEqual([0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E]))
    let long = RecommendationSigner(key: [UInt8](repeating: 0xAA, count: 131))
      .code(Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
    #expect(long.prefix(8).elementsEqual([0x60, 0xE4, 0x31, 0x59, 0x1E, 0xE0, 0xB6, 0x7F]))
  }

  /// Every route of the document answers, and nothing else does.
  @Test func theDocumentHasTheRoutes() throws {
    let fixture = try ServerFixture(publishes: false)
    let document = try fixture.get("/v1/openapi.json")
    #expect(document.status == 200 && document.json["openapi"].text == "3.1.0")
    let paths = document.json["paths"].value as? [String: [String: Any]] ?? [:]
    #expect(
      Set(paths.keys).isSuperset(of: [
        "/v1/recommend/{user}", "/v1/recommend", "/v1/similar/{item}", "/v1/popular", "/v1/score", "/v1/events", "/v1/users/{id}",
        "/v1/items/{id}", "/v1/items", "/v1/rules", "/v1/rules/{id}", "/v1/rules:preview", "/livez", "/readyz", "/metrics",
      ]))
    for (path, methods) in paths {
      let concrete = path.replacing("{user}", with: "u1").replacing("{item}", with: "i1").replacing("{id}", with: "x").replacing(
        "{code}", with: "body")
      for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
        let status = try fixture.send(method, concrete, "").status
        #expect((status == 405) == (methods[method.lowercased()] == nil), "\(method) \(path): \(status)")
      }
    }
    #expect(
      GatewayServer.openAPI(version: "1").text
        == (try #require(try fixture.client().get("/v1/openapi.json")?.body)).trimmingCharacters(in: .newlines))
  }
}
