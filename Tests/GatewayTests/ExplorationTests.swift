import Foundation
import ItemMetadata
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway

/// Slots for items of which little is known.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ExplorationTests {
  /// Decayed events by item, of all items.
  private func events(_ fixture: ServerFixture) throws -> [String: Double] {
    let popular = try fixture.get("/v1/popular?n=1000").json["items"].list
    return Dictionary(uniqueKeysWithValues: popular.map { ($0["item"].text!, $0["score"].number!) })
  }

  private func put(_ fixture: ServerFixture, _ id: String, _ body: String) throws {
    let put = try fixture.send("PUT", "/v1/rules/\(id)", body)
    #expect(put.status == 200 || put.status == 201, "\(put)")
  }

  @Test func slotsHoldItemsOfWhichLittleIsKnown() throws {
    let fixture = try ServerFixture()
    let events = try events(fixture)
    let limit = events.values.sorted()[events.count / 4]
    let everything = try fixture.get("/v1/recommend/u8?n=1000").json["items"].list
    #expect(everything.allSatisfy { $0["source"].text != "explore" })
    try put(fixture, "new", #"{"kind": "explore", "exploration": {"share": 0.2, "max_events": \#(limit)}}"#)
    #expect(try eventually { try fixture.get("/v1/recommend/u8").json["items"].list.contains { $0["source"].text == "explore" } })
    let list = try fixture.get("/v1/recommend/u8?n=20").json["items"].list
    #expect(list.filter { $0["source"].text == "explore" }.compactMap { $0["rank"].int } == [4, 9, 14, 19])
    let explored = list.filter { $0["source"].text == "explore" }.compactMap { $0["item"].text }
    // The best of them by score: the order in the list over everything.
    let own = everything.filter { $0["source"].text != "popular" }.compactMap { $0["item"].text }
    let known = own.filter { events[$0, default: 0] <= limit * 1.0001 }
    #expect(explored == Array(known.prefix(4)), "\(explored) \(known)")
    for item in list where item["source"].text == "explore" { #expect(item["rules"][0].text == "new") }
    // The others keep their order, and nothing comes twice.
    let rest = list.filter { $0["source"].text != "explore" }.compactMap { $0["item"].text }
    #expect(rest == Array(everything.compactMap { $0["item"].text }.filter { !explored.contains($0) }.prefix(16)))
    // Pages are cut from one ranking.
    let pages = try (0..<2).flatMap { try fixture.get("/v1/recommend/u8?n=10&offset=\($0 * 10)").json.ids }
    #expect(Set(pages).count == 20)
    // A filter holds for slots, too.
    let filtered = try fixture.get("/v1/recommend/u8?n=10&category=even").json["items"].list
    #expect(filtered.allSatisfy { Int($0["item"].text!.dropFirst())! % 2 == 0 })
    #expect(filtered.contains { $0["source"].text == "explore" })
    let metrics = try #require(try fixture.client().get("/metrics")?.body)
    #expect(metrics.contains(#"freshet_served_items_total{source="explore"}"#))
  }

  @Test func aShareThatIsNoWholeSlotIsOneForThatShareOfUsers() throws {
    let fixture = try ServerFixture()
    try put(fixture, "new", #"{"kind": "explore", "exploration": {"share": 0.05, "max_events": 1000000}}"#)
    func slots(_ user: String) throws -> Int {
      try fixture.get("/v1/recommend/\(user)?n=10").json["items"].list.count { $0["source"].text == "explore" }
    }
    let users = (0..<40).map { "u\($0)" }
    #expect(try eventually { try users.contains { try slots($0) == 1 } })
    // The hour may end between the two.
    func agree() throws -> Bool {
      let now = WallClock.milliseconds()
      return try users.allSatisfy { try slots($0) == ListSettings.explorationSlots(n: 10, share: 0.05, user: $0, now: now) }
    }
    #expect(try agree() || agree())
  }

  @Test func aTargetAPlacementAndTheFirstRuleDecide() throws {
    let fixture = try ServerFixture()
    try put(
      fixture, "cart",
      #"{"kind": "explore", "target": {"category": "three"}, "placement": "cart", "priority": 5, "exploration": {"share": 0.5, "max_events": 1000000}}"#
    )
    try put(fixture, "all", #"{"kind": "explore", "exploration": {"share": 0.1, "max_events": 1000000}}"#)
    func explored(_ path: String) throws -> [String] {
      try fixture.get(path).json["items"].list.filter { $0["source"].text == "explore" }.compactMap { $0["item"].text }
    }
    #expect(
      try eventually { try explored("/v1/recommend/u8?placement=home").count == 1 && explored("/v1/recommend/u8?placement=cart").count > 0 }
    )
    let cart = try explored("/v1/recommend/u8?placement=cart")
    #expect(!cart.isEmpty && cart.allSatisfy { Int($0.dropFirst())! % 3 == 0 })
    let preview = try fixture.send(
      "POST", "/v1/rules:preview",
      #"{"rule": {"kind": "exclude", "target": {"category": "three"}, "placement": "cart"}, "users": ["u8"]}"#)
    #expect(preview.status == 200)
  }
}
