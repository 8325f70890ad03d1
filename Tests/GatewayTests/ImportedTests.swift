import Foundation
import ItemMetadata
import Pipeline
import StreamingRecommender
import Telemetry
import Testing

@testable import Gateway
@testable import RedisPublishing

/// Imported lists in answers, decided without a server.
@Suite struct ImportedBlendTests {
  private func own(_ items: [Int32]) -> [ListCandidate] {
    items.enumerated().map { ListCandidate(item: $1, score: 10 - Float($0), source: .foldin) }
  }
  private func source(_ name: String, _ weight: Double, _ items: [Int32]) -> ImportedBlend.Source {
    .init(
      name: name, weight: weight,
      entries: items.enumerated().map { ListCandidate(item: $1, score: 1 / Float($0 + 1), source: .imported) })
  }

  @Test func listsTakeTurnsAndEachItemSaysWhereItIsFrom() {
    let (entries, places) = ImportedBlend(sources: [source("r", 1, [7, 1, 8])]).blended(own([1, 2, 3]), count: 10)
    #expect(entries.map(\.item) == [1, 7, 2, 8, 3] && entries.map(\.source) == [.foldin, .imported, .foldin, .imported, .foldin])
    #expect(places[7]?.list == "r" && places[7]?.score == 1 && places[8]?.score == 1 / 3 && places[1] == nil)
    #expect(entries[1].score == 1 && places.ownListEnded)
  }

  @Test func anEndedListIsOnlyToldWhereItWasMissed() {
    let blend = ImportedBlend(sources: [source("r", 1, [7, 8, 9])])
    #expect(!blend.blended(own([1, 2]), count: 4).places.ownListEnded)
    #expect(blend.blended(own([1, 2]), count: 5).places.ownListEnded)
  }

  /// Rules lift by a share of the spread of scores, which two scales would make meaningless.
  @Test func rankingScoresAreOfTheEnginesScale() {
    let (entries, _) = ImportedBlend(sources: [source("r", 3, [7, 8, 9])]).blended(own([1, 2]), count: 5)
    #expect(entries.map(\.item) == [7, 1, 8, 9, 2])
    #expect(ImportedBlend.onOwnScale(entries).map(\.score) == [10, 10, 10, 10, 9])
    let alone = ImportedBlend(sources: [source("r", 1, [7, 8])]).blended([], count: 5).entries
    #expect(ImportedBlend.onOwnScale(alone) == alone)
  }
}

@Suite struct ImportedStoredListTests {
  private func list(_ ids: [String]) -> [UInt8] {
    ImportedListFormat.encode(
      ids.map { RecommendedItem(item: Identifier($0), score: 0.5) }, madeAtMilliseconds: 3, expiresAtMilliseconds: 9)
  }

  @Test func bothReadersAgree() throws {
    #expect(StoredListReader.read(list(["a"])) != nil && StoredListReader.read(list(["a\"b"])) == nil)
    for ids in [["a", "b"], ["a\"b", "café"], []] {
      let stored = try StoredList(decodingImported: list(ids))
      #expect(stored.items.map(\.item.string) == ids && stored.source == .imported && stored.expiresAtMilliseconds == 9)
      #expect(stored.madeAtMilliseconds == 3)
    }
    #expect(throws: (any Error).self) { try StoredList(decodingImported: Array("{}".utf8)) }
  }
}

/// Imported lists over HTTP, with a real Redis.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct ImportedServerTests {
  private func importList(
    _ fixture: ServerFixture, _ name: String, _ lists: [String: [String]], ttl: Int64 = 3_600_000, mode: ImportedListWriter.Mode = .replace
  ) throws {
    let writer = try ImportedListWriter(fixture.redis.redis, name: name)
    let now = WallClock.milliseconds()
    try writer.begin(mode, nowMilliseconds: now, expiresAtMilliseconds: now + ttl)
    try writer.write(
      lists.map { user, items in
        ImportedList(
          user: Identifier(user),
          items: items.enumerated().map { RecommendedItem(item: Identifier($1), score: 1 / Float($0 + 1)) })
      })
    _ = try writer.commit()
  }

  private func items(_ fixture: ServerFixture, _ path: String) throws -> [(item: String, source: String, list: String?)] {
    try fixture.get(path).json["items"].list.map { ($0["item"].text ?? "", $0["source"].text ?? "", $0["list"].text) }
  }

  private func isBlended(_ fixture: ServerFixture, _ path: String) throws -> Bool {
    try items(fixture, path).contains { $0.source == "imported" }
  }

  private func metric(_ fixture: ServerFixture, _ line: String) throws -> Bool {
    try #require(try fixture.client().get("/metrics")?.body).contains(line)
  }

  private func seen(_ fixture: ServerFixture, _ user: String) -> [String] {
    fixture.engine.engine.state.users.seen(fixture.engine.user(user)!).map { fixture.engine.engine.state.catalogue.items.string($0) }
  }

  @Test func listsTakeTurnsAndNamesAndCountersSaySo() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let own = try fixture.get("/v1/recommend/u3?n=40").json.ids
    #expect(try metric(fixture, #"freshet_gateway_imported_answers_total{result="fallback"} 1"#))
    #expect(try metric(fixture, #"freshet_gateway_imported_lists_total{list="ranker",result="missing"} 1"#))
    // The last of the engine's list first, one that it has first, one that the user has seen, and one that nobody knows.
    let imported = [own[30], seen(fixture, "u3")[0], "nowhere", own[0], own[31], own[32], own[33], own[34]]
    try importList(fixture, "ranker", ["u3": imported])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/u3") })
    let blended = try items(fixture, "/v1/recommend/u3")
    #expect(
      blended.map(\.item) == [own[0], own[30], own[1], own[31], own[2], own[32], own[3], own[33], own[4], own[34]], "\(blended) \(own)")
    for (place, entry) in blended.enumerated() {
      #expect((entry.source == "imported") == !place.isMultiple(of: 2) && (entry.list == "ranker") == !place.isMultiple(of: 2))
    }
    // Scores are those of the import, ranks count on, and the id tells the source to the engine.
    let answer = try fixture.get("/v1/recommend/u3").json
    #expect(answer["items"][1]["score"].number == 1 && answer["items"].list.map { $0["rank"].int } == Array(1...10))
    let id = try RecommendationIdentifier(
      try #require(answer["recommendation_id"].text), RecommendationIdentifier.checksum)
    #expect(id.items.map(\.source) == blended.map { ItemSource(rawValue: $0.source) })
    #expect(try metric(fixture, #"freshet_gateway_imported_answers_total{result="blended"}"#))
    #expect(try metric(fixture, #"freshet_gateway_imported_items_total{list="ranker"}"#))
    #expect(try metric(fixture, #"freshet_served_items_total{source="imported"}"#))
    // Others have their own list, and lists of no user are as they were.
    #expect(try !isBlended(fixture, "/v1/recommend/u4") && !isBlended(fixture, "/v1/popular?n=50"))
  }

  @Test func withoutTheSettingNothingChanges() throws {
    let fixture = try ServerFixture()
    let own = try fixture.get("/v1/recommend/u3").json.ids
    try importList(fixture, "ranker", ["u3": Array(own.reversed())])
    #expect(try !eventually(within: .seconds(1)) { try fixture.get("/v1/recommend/u3").json.ids != own })
    let metrics = try #require(try fixture.client().get("/metrics")?.body)
    #expect(!metrics.contains(#"freshet_gateway_imported_lists_total{"#))
  }

  @Test func pagesAreCutFromOneRanking() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker", weight: 0.5)] }
    let own = try fixture.get("/v1/recommend/u3?n=40").json.ids
    try importList(fixture, "ranker", ["u3": Array(own[30..<40])])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/u3") })
    let all = try items(fixture, "/v1/recommend/u3?n=36")
    #expect(Set(all.map(\.item)).count == 36)
    // A third of the places until the import ends, then the engine's list alone.
    #expect(all.prefix(30).count { $0.source == "imported" } == 10 && all.dropFirst(30).allSatisfy { $0.source != "imported" })
    let pages = try (0..<4).flatMap { try items(fixture, "/v1/recommend/u3?n=9&offset=\($0 * 9)") }
    #expect(pages.map(\.item) == all.map(\.item) && pages.map(\.source) == all.map(\.source))
  }

  @Test func whatMayNotBeShownIsLeftOutOfImportedLists() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let own = try fixture.get("/v1/recommend/u8?n=40").json.ids
    let tail = Array(own[30..<40])
    try importList(fixture, "ranker", ["u8": tail])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/u8") })
    func imported(_ query: String) throws -> [String] {
      try items(fixture, "/v1/recommend/u8?n=30\(query)").filter { $0.source == "imported" }.map(\.item)
    }
    #expect(try imported("") == tail)
    #expect(try imported("&exclude=\(tail[0])&exclude=\(tail[3])") == tail.filter { $0 != tail[0] && $0 != tail[3] })
    #expect(try imported("&category=even") == tail.filter { Int($0.dropFirst())! % 2 == 0 })
    #expect(try imported("&include=\(tail[1])&include=\(own[0])") == [tail[1]])
    // Scores are 1, 1/2, 1/3 ...
    #expect(try imported("&min_score=0.3") == Array(tail.prefix(3)))
    // What somebody is looking at is not recommended to them.
    #expect(try !items(fixture, "/v1/recommend/u8?n=30&context=\(tail[2])").contains { $0.item == tail[2] })
    fixture.mirror.set([try ItemDocument(itemID: tail[0], isHidden: true)])
    #expect(try eventually { try imported("") == Array(tail.dropFirst()) })
    let put = try fixture.send("PUT", "/v1/rules/away", #"{"kind": "exclude", "target": {"item": "\#(tail[1])"}}"#)
    #expect(put.status == 201)
    #expect(try eventually { try imported("") == Array(tail.dropFirst(2)) })
    // With rules, the order and the scores of the import are the same as without.
    let list = try fixture.get("/v1/recommend/u8?n=6").json["items"].list
    #expect(list.map { $0["source"].text == "imported" } == [false, true, false, true, false, true])
    #expect(list[1]["score"].number.map { abs($0 - 1.0 / 3) < 1e-6 } == true && list[1]["list"].text == "ranker")
  }

  @Test func rulesActOnImportedItemsAsOnOthers() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let own = try fixture.get("/v1/recommend/u8?n=40").json.ids
    try importList(fixture, "ranker", ["u8": Array(own[30..<36])])
    for (id, body) in [
      ("pin", #"{"kind": "pin", "target": {"item": "\#(own[33])"}, "position": 1}"#),
      ("bury", #"{"kind": "bury", "target": {"item": "\#(own[30])"}}"#),
    ] { #expect(try fixture.send("PUT", "/v1/rules/\(id)", body).status == 201) }
    #expect(
      try eventually {
        let list = try items(fixture, "/v1/recommend/u8")
        return list.first?.item == own[33] && list.contains { $0.source == "imported" } && !list.contains { $0.item == own[30] }
      })
    let list = try fixture.get("/v1/recommend/u8?max_per_category=2&explain=true").json["items"].list
    #expect(list[0]["rules"][0].text == "pin" && list[0]["source"].text == "imported" && list[0]["list"].text == "ranker")
    #expect(list.allSatisfy { ($0["source"].text == "imported") == ($0["explain"].value == nil) })
    let preview = try fixture.send(
      "POST", "/v1/rules:preview", #"{"rule": {"kind": "exclude", "target": {"item": "\#(own[31])"}}, "users": ["u8"]}"#)
    let (before, after) = (preview.json["results"][0]["before"].list, preview.json["results"][0]["after"].list)
    #expect(before.contains { $0["item"].text == own[31] } && !after.contains { $0["item"].text == own[31] })
  }

  @Test func withoutARowNobodyKnowsWhatWasSeenAndTheEnginesListIsServed() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let own = try fixture.get("/v1/recommend/u2?n=40").json.ids
    try importList(fixture, "ranker", ["u2": [own[30]]])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/u2") })
    _ = try fixture.redis.connection().command(["UNLINK", fixture.redis.keys.userRow("u2")])
    #expect(try fixture.get("/v1/recommend/u2").json.ids == Array(own.prefix(10)))
    #expect(try metric(fixture, #"freshet_gateway_imported_lists_total{list="ranker",result="unchecked"} 1"#))
  }

  @Test func somebodyWhomTheEngineDoesNotKnowGetsBothPopularAndImportedItems() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let popular = try fixture.get("/v1/recommend/nobody?n=40").json.ids
    try importList(fixture, "ranker", ["nobody": [popular[30], popular[31]]])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/nobody") })
    #expect(try fixture.get("/v1/recommend/nobody?n=5").json.ids == [popular[0], popular[30], popular[1], popular[31], popular[2]])
    let many = try fixture.send("POST", "/v1/recommend", #"{"users": ["u1", "nobody"], "n": 2}"#).json["results"].list
    #expect(many[1].ids == [popular[0], popular[30]] && many[0].ids.count == 2)
  }

  @Test func expiredAndRemovedListsAreShownNoMore() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "a"), ImportedListWeight(name: "b", weight: 2)] }
    let own = try fixture.get("/v1/recommend/u5?n=40").json.ids
    try importList(fixture, "a", ["u5": [own[20]], "u6": [own[20]]])
    try importList(fixture, "b", ["u5": [own[30], own[31]]])
    func lists() throws -> Set<String> { Set(try items(fixture, "/v1/recommend/u5").compactMap(\.list)) }
    #expect(try eventually { try lists() == ["a", "b"] })
    // The list of one user is over before others of its name.
    let (redis, keys) = (try fixture.redis.connection(), fixture.redis.keys)
    var current = try #require(ImportedLists.all(try redis.command(["HGETALL", keys.imported]).fields ?? [:])["a"])
    let over = ImportedListFormat.encode(
      [RecommendedItem(item: Identifier(own[20]), score: 1)], madeAtMilliseconds: 1, expiresAtMilliseconds: 2)
    try redis.command(["HSET", keys.userImported("u5"), current.field(of: "a"), String(decoding: over, as: UTF8.self)])
    #expect(try lists() == ["b"])
    #expect(try metric(fixture, #"freshet_gateway_imported_lists_total{list="a",result="expired"} 1"#))
    // All lists of a name are over.
    #expect(try isBlended(fixture, "/v1/recommend/u6"))
    current.expiresAtMilliseconds = 2
    try redis.command(["HSET", keys.imported, "a", current.text])
    #expect(try eventually { try !isBlended(fixture, "/v1/recommend/u6") })
    _ = try ImportedListWriter(fixture.redis.redis, name: "b").hide()
    #expect(try eventually { try fixture.get("/v1/recommend/u5").json.ids == Array(own.prefix(10)) })
  }

  @Test func aListThatCannotBeReadIsAsGoodAsNone() throws {
    let fixture = try ServerFixture { $0.imported = [ImportedListWeight(name: "ranker")] }
    let own = try fixture.get("/v1/recommend/u5?n=40").json.ids
    try importList(fixture, "ranker", ["u5": [own[20]]])
    #expect(try eventually { try isBlended(fixture, "/v1/recommend/u5") })
    let redis = try fixture.redis.connection()
    let key = fixture.redis.keys.userImported("u5")
    let field = try #require(try redis.command(["HGETALL", key]).fields?.keys.first)
    try redis.command(["HSET", key, field, "[]"])
    #expect(try fixture.get("/v1/recommend/u5").json.ids == Array(own.prefix(10)))
    try redis.command(["DEL", key])
    try redis.command(["SET", key, "of another type"])
    #expect(try fixture.get("/v1/recommend/u5").json.ids == Array(own.prefix(10)))
  }
}
