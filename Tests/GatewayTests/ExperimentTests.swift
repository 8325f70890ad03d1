import Foundation
import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Experiments over HTTP.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ExperimentTests {
  private let users = (0..<40).map { "u\($0)" }

  /// Writes an experiment and waits until it runs.
  private func run(_ fixture: ServerFixture, _ name: String, _ arms: String, _ more: String = "") throws {
    let put = try fixture.send("PUT", "/v1/experiments/\(name)", #"{"arms": \#(arms)\#(more)}"#)
    #expect(put.status == 201 || put.status == 200, "\(put)")
    #expect(try eventually { try fixture.get("/v1/recommend/u1").json["experiment"].text == name })
  }

  private func arm(_ user: String, _ name: String, _ shares: [Double]) -> Int? { ArmAllocation(shares: shares).arm(of: user, salt: name) }

  @Test func eachUserGetsTheListsOfTheArm() throws {
    let fixture = try ServerFixture()
    let plain = try users.map { try fixture.get("/v1/recommend/\($0)?n=6").json.ids }
    let rule = #"{"kind": "pin", "target": {"item": "i70"}, "position": 1}"#
    #expect(try fixture.send("PUT", "/v1/rules/hero", rule).status == 201)
    #expect(try eventually { try fixture.get("/v1/recommend/u1").json.ids.first == "i70" })
    try run(
      fixture, "layout",
      #"[{"name": "as-is", "share": 50}, {"name": "new", "share": 50, "parameters": {"max_per_category": 2}, "rules": ["hero"]}]"#)
    var counts = [0, 0]
    for (user, plain) in zip(users, plain) {
      let number = try #require(arm(user, "layout", [50, 50]))
      counts[number] += 1
      let answer = try fixture.get("/v1/recommend/\(user)?n=6").json
      #expect(answer["experiment"].text == "layout" && answer["arm"].text == ["as-is", "new"][number])
      let id = try RecommendationIdentifier(try #require(answer["recommendation_id"].text), RecommendationIdentifier.checksum)
      #expect(Int(id.arm) == number + 1)
      if number == 0 {
        #expect(answer.ids == plain)
      } else {
        #expect(answer.ids.first == "i70")
        // Items of a category are those of another one as well, so a full list may pass the limit; what the request says goes first.
        let wide = try fixture.get("/v1/recommend/\(user)?n=6&max_per_category=1000&explain=true").json.ids
        #expect(wide == Array((["i70"] + plain.filter { $0 != "i70" }).prefix(6)))
        let limited = try fixture.get("/v1/recommend/\(user)?n=6&max_per_category=2").json.ids
        #expect(answer.ids == limited)
      }
    }
    #expect(counts.allSatisfy { $0 > 8 })
    let many = try fixture.send("POST", "/v1/recommend", #"{"users": ["u1", "u2", "u3"], "n": 3}"#).json["results"].list
    #expect(many.map { $0["arm"].text } == ["u1", "u2", "u3"].map { ["as-is", "new"][arm($0, "layout", [50, 50])!] })
    #expect(try fixture.send("POST", "/v1/recommend", #"{"items": ["i1"]}"#).json["arm"].text == nil)
    let metrics = try #require(try fixture.client().get("/metrics")?.body)
    #expect(metrics.contains(#"freshet_served_lists_total{placement="",arm="layout/new",made="computed"}"#), "\(metrics.prefix(2000))")
    #expect(metrics.contains(#"freshet_served_lists_total{placement="",arm="layout/as-is",made=""#))

    // Over: the arm is nobody's, and neither is its rule.
    let over = #"{"arms": [{"name": "as-is", "share": 50}, {"name": "new", "share": 50, "rules": ["hero"]}], "until": "2026-01-01"}"#
    #expect(try fixture.send("PUT", "/v1/experiments/layout", over).status == 200)
    #expect(try eventually { try fixture.get("/v1/recommend/u1").json["arm"].text == nil })
    for (user, plain) in zip(users, plain) { #expect(try fixture.get("/v1/recommend/\(user)?n=6").json.ids == plain) }
    #expect(try fixture.send("DELETE", "/v1/experiments/layout").status == 204)
    #expect(try eventually { try fixture.get("/v1/recommend/u1").json.ids.first == "i70" })
    #expect(try fixture.get("/v1/experiments/layout").status == 404)
  }

  @Test func anArmReadsAnotherNamespace() throws {
    let fixture = try ServerFixture()
    var other = EngineFixture(seed: 77)
    try fixture.redis.publish(&other, namespace: "shadow")
    try run(fixture, "model", #"[{"name": "a", "share": 50}, {"name": "b", "share": 50, "namespace": "shadow"}]"#)
    func expected(_ user: String) -> [String] {
      let isOther = arm(user, "model", [50, 50]) == 1
      var engine = isOther ? other : fixture.engine
      return engine.list(engine.user(user)!).items.map { engine.engine.state.catalogue.items.string($0.item) }
    }
    let known = users.filter { fixture.engine.user($0) != nil && other.user($0) != nil }
    let inB = known.filter { arm($0, "model", [50, 50]) == 1 }
    #expect(inB.count > 8)
    #expect(try eventually { try fixture.get("/v1/recommend/\(inB[0])").json["degraded"].text == nil })
    for user in known {
      let stored = try fixture.get("/v1/recommend/\(user)").json
      #expect(stored.ids == expected(user), "\(user) \(stored)")
      #expect(stored["degraded"].text == nil, "\(user)")
      #expect(try fixture.get("/v1/recommend/\(user)?explain=true").json.ids == expected(user), "\(user)")
    }
    // The catalogue is the shop's, for all arms.
    let hidden = expected(inB[0])[0]
    fixture.mirror.set([try ItemDocument(itemID: hidden, isHidden: true)])
    #expect(try eventually { try !fixture.get("/v1/recommend/\(inB[0])").json.ids.contains(hidden) })
    #expect(try fixture.get("/v1/recommend/\(inB[0])?fields=title&n=1").json["items"][0]["fields"]["title"].text != nil)
    let mixed = try fixture.send("POST", "/v1/recommend", #"{"users": ["u1", "u2", "u3", "u4"], "n": 3}"#).json["results"].list
    #expect(mixed.map { $0["user"].text } == ["u1", "u2", "u3", "u4"])
  }

  @Test func aNamespaceWithoutAModelGivesTheGatewaysOwnLists() throws {
    let fixture = try ServerFixture()
    let plain = try users.map { try fixture.get("/v1/recommend/\($0)").json.ids }
    try run(fixture, "nowhere", #"[{"name": "a", "share": 50}, {"name": "b", "share": 50, "namespace": "nowhere"}]"#)
    for (user, plain) in zip(users, plain) {
      let answer = try fixture.get("/v1/recommend/\(user)").json
      #expect(answer.ids == plain && answer["degraded"].text == (arm(user, "nowhere", [50, 50]) == 1 ? "namespace" : nil), "\(user)")
    }
  }

  @Test func experimentsAreCheckedAndListed() throws {
    let fixture = try ServerFixture(publishes: false)
    let arms = #"[{"name": "a", "share": 50}, {"name": "b", "share": 50}]"#
    #expect(try fixture.send("PUT", "/v1/experiments/x", #"{"arms": \#(arms), "placement": "home"}"#).status == 201)
    #expect(try fixture.send("PUT", "/v1/experiments/x", #"{"name": "x", "arms": \#(arms), "placement": "home"}"#).status == 200)
    #expect(try fixture.send("PUT", "/v1/experiments/y", #"{"arms": \#(arms), "placement": "cart"}"#).status == 201)
    let overlap = try fixture.send("PUT", "/v1/experiments/z", #"{"arms": \#(arms)}"#)
    #expect(overlap.status == 400 && overlap.json["detail"].text?.contains("same placement") == true, "\(overlap)")
    let share = try fixture.send("PUT", "/v1/experiments/z", #"{"arms": [{"name": "a", "share": 90}, {"name": "b", "share": 50}]}"#)
    #expect(share.status == 400 && share.json["field"].text == "share")
    #expect(try fixture.send("PUT", "/v1/experiments/z", #"{"name": "q", "arms": \#(arms)}"#).status == 400)
    let all = try fixture.get("/v1/experiments").json
    #expect(all["experiments"].list.map { $0["name"].text } == ["x", "y"] && all["version"].int == 3)
    #expect(try fixture.get("/v1/experiments/y").json["placement"].text == "cart")
    #expect(try fixture.send("DELETE", "/v1/experiments/z").status == 404)
  }

  @Test func onlyAdministratorsMayChangeThem() throws {
    let (reader, admin) = (try AccessToken.make(name: "shop", role: .read), try AccessToken.make(name: "ops", role: .admin))
    let file = try AccessTokenFile(key: "gateway.token_file", path: "/dev/null", log: .disabled) { _ in
      reader.line + "\n" + admin.line
    }
    let fixture = try ServerFixture(publishes: false) { $0.policy.access = .tokens(file) }
    func bearer(_ token: String) -> String { "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\n" }
    let body = #"{"arms": [{"name": "a", "share": 50}, {"name": "b", "share": 50}]}"#
    #expect(try fixture.send("PUT", "/v1/experiments/x", body, headers: bearer(reader.token)).status == 403)
    #expect(try fixture.send("PUT", "/v1/experiments/x", body, headers: bearer(admin.token)).status == 201)
    #expect(try fixture.get("/v1/experiments", headers: bearer(reader.token)).status == 403)
    #expect(try fixture.get("/v1/experiments", headers: bearer(admin.token)).status == 200)
  }

  @Test func placementsOfRequestsMakeFewSeries() {
    let label = BoundedLabel(valuesMax: 3)
    #expect(["a", "b", "a", "c", "d", "e", "b"].map(label.label) == ["a", "b", "a", "c", "other", "other", "b"])
  }
}
