import Foundation
import HTTPServing
import HTTPTestKit
import ItemMetadata
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// The gateway over HTTP.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ServerTests {
  @Test func listsOverHTTPAreTheEnginesLists() throws {
    let fixture = try ServerFixture()
    for user in fixture.engine.users.prefix(15) {
      let name = fixture.engine.name(user)
      let list = fixture.engine.list(user).items.map { fixture.engine.engine.state.catalogue.items.string($0.item) }
      let stored = try fixture.get("/v1/recommend/\(name)")
      #expect(stored.status == 200 && stored.json.ids == list && stored.json["user"].text == name)
      // The same list, computed: explain needs the parts of the scores.
      let computed = try fixture.get("/v1/recommend/\(name)?explain=true")
      #expect(computed.json.ids == list)
      for (a, b) in zip(stored.json["items"].list, computed.json["items"].list) {
        #expect(abs(a["score"].number! - b["score"].number!) < 1e-4 * max(1, abs(a["score"].number!)))
        #expect(a["source"].text == b["source"].text && a["rank"].int == b["rank"].int)
        let parts = b["explain"]
        guard b["source"].text != "popular" else { continue }
        #expect(abs(parts["vector"].number! + parts["trend"].number! + parts["transitions"].number! - b["score"].number!) < 1e-3)
      }
      #expect(stored.headers["cache-control"] == "no-store" && stored.headers["etag"] == nil)
    }
  }

  @Test func pagesAreCutFromOneRanking() throws {
    let fixture = try ServerFixture()
    let all = try fixture.get("/v1/recommend/u3?n=40").json.ids
    #expect(all.count == 40 && Set(all).count == 40)
    var pages: [String] = []
    for page in 0..<4 { pages += try fixture.get("/v1/recommend/u3?n=10&offset=\(page * 10)").json.ids }
    #expect(pages == all)
    #expect(try fixture.get("/v1/recommend/u3?n=5&offset=5").json["items"][0]["rank"].int == 6)
  }

  @Test func filtersAgreeWithBruteForce() throws {
    let fixture = try ServerFixture()
    let everything = try fixture.get("/v1/recommend/u5?n=1000").json.ids
    func index(_ id: String) -> Int { Int(id.dropFirst())! }
    let cases: [(query: String, passes: (Int) -> Bool)] = [
      ("category=three", { $0 % 3 == 0 }), ("category=three&category=even", { $0 % 3 == 0 || $0 % 2 == 0 }),
      ("filter=price%20%3C%2020", { $0 < 20 }),
      ("filter=price%20%3E%3D%2010.5%20and%20not%20categories%20%3D%20%22even%22", { $0 >= 10 && $0 % 2 == 1 }),
      ("category=even&filter=price%20%3C%205", { $0 % 2 == 0 && $0 < 5 }),
    ]
    for (query, passes) in cases {
      let answer = try fixture.get("/v1/recommend/u5?n=1000&\(query)")
      // Where the user's own items end, popular ones follow; their order among all items is another one.
      let own = answer.json["items"].list.filter { $0["source"].text != "popular" }.compactMap { $0["item"].text }
      #expect(own == everything.filter { passes(index($0)) && own.contains($0) }, "\(query)")
      #expect(Set(answer.json.ids) == Set(everything.filter { passes(index($0)) }), "\(query)")
    }
    let none = try fixture.get("/v1/recommend/u5?category=nothing")
    #expect(none.status == 200 && none.json.ids.isEmpty && none.json["source"].text == "none")
    let relaxed = try fixture.get("/v1/recommend/u5?category=nothing&strict=false")
    #expect(relaxed.json.ids == Array(everything.prefix(10)) && relaxed.json["degraded"].text == "filter_relaxed")
  }

  @Test func includeExcludeSeenAndFields() throws {
    let fixture = try ServerFixture()
    let all = try fixture.get("/v1/recommend/u7?n=30").json.ids
    let without = try fixture.get("/v1/recommend/u7?exclude=\(all[0])&exclude=\(all[2])").json.ids
    #expect(without == Array(all.filter { $0 != all[0] && $0 != all[2] }.prefix(10)))
    let only = try fixture.get("/v1/recommend/u7?include=\(all[9])&include=\(all[4])&include=unknown").json.ids
    #expect(only == [all[4], all[9]])
    let seen = fixture.engine.engine.state.users.seen(fixture.engine.user("u7")!).map {
      fixture.engine.engine.state.catalogue.items.string($0)
    }
    let withSeen = try fixture.get("/v1/recommend/u7?n=1000&seen=include").json.ids
    #expect(Set(seen).isSubset(of: Set(withSeen)) && Set(all).isDisjoint(with: Set(seen)))
    let fields = try fixture.get("/v1/recommend/u7?n=1&fields=title,price&fields=categories").json["items"][0]
    #expect(fields["fields"]["title"].text == "Item \(fields["item"].text!.dropFirst())" && fields["fields"]["price"].number != nil)
    #expect(try fixture.get("/v1/recommend/u7?n=5&min_score=1e6").json.ids.isEmpty)
  }

  @Test func hiddenItemsDisappearAtOnceAndListsStayFull() throws {
    let fixture = try ServerFixture()
    let before = try fixture.get("/v1/recommend/u9").json.ids
    fixture.mirror.set([try ItemDocument(itemID: before[0], isHidden: true)])
    #expect(try eventually { try !fixture.get("/v1/recommend/u9").json.ids.contains(before[0]) })
    let after = try fixture.get("/v1/recommend/u9").json.ids
    #expect(after.count == 10 && Array(after.prefix(9)) == Array(before.dropFirst()))
    for path in ["/v1/popular?n=1000", "/v1/similar/\(before[1])?n=1000", "/v1/recommend/nobody?n=1000"] {
      #expect(try !fixture.get(path).json.ids.contains(before[0]), "\(path)")
    }
    // Its day is over.
    let now = WallClock.milliseconds()
    fixture.mirror.set([try ItemDocument(itemID: before[1], availableUntil: now + 400)])
    #expect(try eventually { try !fixture.get("/v1/recommend/u9").json.ids.contains(before[1]) })
  }

  @Test func contextAndVisitors() throws {
    let fixture = try ServerFixture()
    let visitor = try fixture.send("POST", "/v1/recommend", #"{"items": ["i1", {"item": "i4", "weight": 3}], "n": 5}"#)
    #expect(visitor.status == 200 && visitor.json.ids.count == 5 && visitor.json["source"].text == "context")
    #expect(!visitor.json.ids.contains("i1") && visitor.json["approximate"].bool == nil)
    let user = try fixture.get("/v1/recommend/u4?context=i1&context=i4%3D3")
    let plain = try fixture.get("/v1/recommend/u4").json.ids
    #expect(user.json["approximate"].bool == true && user.json.ids != plain)
    let nobody = try fixture.get("/v1/recommend/nobody")
    #expect(nobody.status == 200 && nobody.json["source"].text == "popular" && nobody.json.ids.count == 10)
    let many = try fixture.send("POST", "/v1/recommend", #"{"users": ["u1", "u2", "nobody"], "n": 3}"#).json["results"].list
    #expect(many.map { $0["user"].text } == ["u1", "u2", "nobody"] && many.allSatisfy { $0.ids.count == 3 })
    let first = try fixture.get("/v1/recommend/u1?n=3").json.ids
    #expect(many[0].ids == first)
  }

  @Test func scoresPopularAndSimilar() throws {
    let fixture = try ServerFixture()
    let list = try fixture.get("/v1/recommend/u6").json["items"].list
    let ids = list.compactMap { $0["item"].text } + ["unknown"]
    let body = #"{"user": "u6", "items": ["\#(ids.joined(separator: #"",""#))"]}"#
    let scores = try fixture.send("POST", "/v1/score", body).json["scores"].list
    #expect(scores.map { $0["item"].text } == ids && scores.last?["score"].number == nil)
    for (score, item) in zip(scores, list) where item["source"].text != "popular" {
      #expect(abs(score["score"].number! - item["score"].number!) < 1e-4)
    }
    #expect(try fixture.send("POST", "/v1/score", #"{"user": "nobody", "items": ["i1"]}"#).status == 404)

    let popular = try fixture.get("/v1/popular?n=6")
    #expect(popular.json.ids == fixture.engine.engine.popular(6).map { fixture.engine.engine.state.catalogue.items.string($0.item) })
    let tag = try #require(popular.headers["etag"])
    #expect(try fixture.get("/v1/popular?n=6", headers: "If-None-Match: \(tag)\r\n").status == 304)
    #expect(try fixture.get("/v1/popular?n=7", headers: "If-None-Match: \(tag)\r\n").status == 200)
    #expect(try fixture.get("/v1/popular?category=three&n=3").json.ids.allSatisfy { Int($0.dropFirst())! % 3 == 0 })

    let similar = try fixture.get("/v1/similar/i2?category=three&n=4")
    #expect(similar.json.ids.count == 4 && similar.json.ids.allSatisfy { Int($0.dropFirst())! % 3 == 0 })
    #expect(similar.json["approximate"].bool == true)
    #expect(try fixture.get("/v1/similar/unknown").status == 404)
  }

  @Test(arguments: [
    ("/v1/recommend/u1?n=0", "parameter"), ("/v1/recommend/u1?n=1001", "parameter"), ("/v1/recommend/u1?catgory=home", "parameter"),
    ("/v1/recommend/u1?n=1000&offset=9500", "parameter"), ("/v1/recommend/u1?filter=price%20%3C", "filter_syntax"),
    ("/v1/recommend/u1?filter=price%20%3C%20%2210%22", "filter_type"), ("/v1/recommend/u1?diversity=2", "parameter"),
    ("/v1/recommend/u1?seen=maybe", "parameter"),
  ]) func wrongParametersSayWhatIsWrong(path: String, code: String) throws {
    let fixture = try ServerFixture(publishes: false)
    let answer = try fixture.get(path)
    #expect(answer.status == 400 && answer.json["code"].text == code && answer.json["fix"].text?.isEmpty == false)
    #expect(answer.headers["content-type"] == "application/problem+json")
    if code == "filter_type" { #expect(answer.json["position"].int == 9) }
  }

  @Test(arguments: [
    #"{}"#, #"{"users": null}"#, #"{"user": "a", "users": ["b"]}"#, #"{"items": 3}"#, #"{"users": [false]}"#, #"{"user": "a", "n": "5"}"#,
    #"{"items": ["a"], "context": ["b"]}"#, #"[]"#, #"{"user": "a", "unknown": 1}"#, #"{"items": [{"item": "a", "weight": 0}]}"#,
  ]) func wrongBodiesSayWhatIsWrong(body: String) throws {
    let fixture = try ServerFixture(publishes: false)
    let answer = try fixture.send("POST", "/v1/recommend", body)
    #expect(answer.status == 400 && answer.json["fix"].text?.isEmpty == false, "\(body)")
    let nulls = try fixture.send("POST", "/v1/recommend", #"{"user": "a", "users": null, "n": null, "filter": null}"#)
    #expect(nulls.status == 200)
  }

  @Test func aLongQueryIsAnswered() throws {
    let fixture = try ServerFixture()
    let ids =
      (0..<50).map { "exclude=\(String(repeating: "x", count: 240))\($0)" }
      + (0..<100).map { "context=\(String(repeating: "y", count: 140))\($0)" }
    let answer = try fixture.get("/v1/recommend/u1?" + ids.joined(separator: "&"))
    #expect(answer.status == 200 && answer.json.ids.count == 10)
    let longest = try fixture.client()
    longest.send("GET /v1/popular?exclude=\(String(repeating: "x", count: 70_000)) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    #expect(longest.receive()?.status == 414)
  }

  @Test func idsWithSlashesAndOtherBytes() throws {
    let fixture = try ServerFixture()
    let answer = try fixture.get("/v1/recommend/a%2Fb%20c%C3%A9?n=2")
    #expect(answer.status == 200 && answer.json["user"].text == "a/b cé")
    #expect(try fixture.get("/v1/recommend/a%00b").status == 400)
  }

  @Test func whileRedisIsAwayPopularItemsAreServed() throws {
    let fixture = try ServerFixture()
    fixture.redis.server.kill()
    #expect(try eventually { try fixture.get("/v1/recommend/u1").status == 503 })
    let away = try fixture.get("/v1/recommend/u1")
    #expect(away.json["code"].text == "unavailable" && away.headers["retry-after"] == "1")
    #expect(try fixture.get("/v1/popular").json.ids.count == 10)
    #expect(try fixture.send("POST", "/v1/recommend", #"{"items": ["i1"]}"#).json.ids.count == 10)
    #expect(try fixture.get("/readyz").status == 200)
    #expect(try fixture.client().get("/metrics")?.body.contains("freshet_gateway_redis_up 0") == true)
    try fixture.redis.server.start()
    try fixture.redis.publish(&fixture.engine)
    #expect(try eventually { try fixture.get("/v1/recommend/u1").status == 200 })
  }

  /// A gateway without anything published says so, and does not end.
  @Test func beforeTheEngineHasPublished() throws {
    let fixture = try ServerFixture(publishes: false)
    #expect(try fixture.get("/livez").status == 200)
    #expect(try fixture.get("/readyz").status == 503)
    #expect(try fixture.get("/v1/popular").status == 503)
    let answer = try fixture.get("/v1/recommend/u1")
    #expect(answer.status == 200 && answer.json["source"].text == "none" && answer.json.ids.isEmpty)
    try fixture.redis.publish(&fixture.engine)
    #expect(try eventually { try fixture.get("/readyz").status == 200 })
  }

  /// Stored lists with the reason, when nothing can be computed.
  @Test func withoutARowTheStoredListIsFiltered() throws {
    let fixture = try ServerFixture()
    let list = try fixture.get("/v1/recommend/u2").json.ids
    _ = try fixture.redis.connection().command(["UNLINK", fixture.redis.keys.userRow("u2")])
    let answer = try fixture.get("/v1/recommend/u2?category=even")
    #expect(answer.json["degraded"].text == "no_row")
    #expect(answer.json.ids == list.filter { Int($0.dropFirst())! % 2 == 0 })
    #expect(try fixture.get("/v1/recommend/u2").json.ids == list)
    #expect(try fixture.client().get("/metrics")?.body.contains(#"freshet_gateway_degraded_lists_total{reason="no_row"} 1"#) == true)
  }
}
