import ItemMetadata
import Telemetry
import Testing

func rule(_ json: String, createdAt: Int64 = now) throws -> MerchandisingRule {
  try MerchandisingRule(Array(json.utf8), createdAt: createdAt)
}

@Suite struct MerchandisingRuleTests {
  @Test(arguments: ["rule-pin.json", "rule-boost.json", "rule-exclude.json", "rule-explore.json"]) func theExamplesAreRead(name: String)
    throws
  {
    let read = try MerchandisingRule(example(name), createdAt: now)
    #expect(try MerchandisingRule(read.json.bytes, createdAt: 0) == read)
  }

  @Test(arguments: [
    #"{"id":"a","kind":"pin","target":{"item":"x"},"position":3,"priority":-5,"skip_seen":true,"created_at":"2026-01-31T08:30:00.000Z"}"#,
    #"{"id":"b","kind":"boost","target":{"category":"home"},"strength":-0.5,"share":12.5,"salt":"s","created_at":"2026-01-31T08:30:00.000Z"}"#,
    #"{"id":"c","kind":"bury","target":{"filter":"price < 10"},"from":"2026-01-01T00:00:00.000Z","until":"2026-02-01T00:00:00.000Z","created_at":"2026-01-31T08:30:00.000Z"}"#,
    #"{"id":"d","kind":"exclude","target":{"item":"x"},"placement":"home","enabled":false,"created_at":"2026-01-31T08:30:00.000Z","note":"why"}"#,
    #"{"id":"e","kind":"explore","exploration":{"share":0.1,"max_events":5},"created_at":"2026-01-31T08:30:00.000Z"}"#,
    #"{"id":"f","kind":"explore","target":{"category":"new"},"exploration":{"share":0.5,"max_events":0},"placement":"home","created_at":"2026-01-31T08:30:00.000Z"}"#,
  ])
  func aRuleIsWrittenAsItWasRead(json: String) throws { #expect(try rule(json, createdAt: 0).json.text == json) }

  @Test(
    arguments: [
      ("", .empty, nil), ("[]", .notObject, nil), ("{", .badJSON, nil), (#"{"kind":"pin"}"#, .missingField, "id"),
      (#"{"id":"a b","kind":"bury","target":{"item":"x"}}"#, .badID, "id"), (#"{"id":"a","target":{"item":"x"}}"#, .missingField, "kind"),
      (#"{"id":"a","kind":"hide","target":{"item":"x"}}"#, .badValue, "kind"), (#"{"id":"a","kind":"bury"}"#, .missingField, "target"),
      (#"{"id":"a","kind":"bury","target":"x"}"#, .badValue, "target"), (#"{"id":"a","kind":"bury","target":{}}"#, .badValue, "target"),
      (#"{"id":"a","kind":"bury","target":{"item":"x","category":"y"}}"#, .badValue, "target"),
      (#"{"id":"a","kind":"bury","target":{"tag":"x"}}"#, .badValue, "target"),
      (#"{"id":"a","kind":"bury","target":{"category":""}}"#, .badValue, "target"),
      (#"{"id":"a","kind":"bury","target":{"item":""}}"#, .badID, "item"),
      (#"{"id":"a","kind":"bury","target":{"filter":"price < \"10\""}}"#, .badFilter, "target"),
      (#"{"id":"a","kind":"pin","target":{"item":"x"}}"#, .missingField, "position"),
      (#"{"id":"a","kind":"pin","target":{"item":"x"},"position":0}"#, .badValue, "position"),
      (#"{"id":"a","kind":"pin","target":{"item":"x"},"position":1001}"#, .badValue, "position"),
      (#"{"id":"a","kind":"pin","target":{"item":"x"},"position":1.5}"#, .badValue, "position"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"position":1}"#, .badValue, "position"),
      (#"{"id":"a","kind":"boost","target":{"item":"x"}}"#, .missingField, "strength"),
      (#"{"id":"a","kind":"boost","target":{"item":"x"},"strength":3.1}"#, .badValue, "strength"),
      (#"{"id":"a","kind":"exclude","target":{"item":"x"},"strength":1}"#, .badValue, "strength"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"skip_seen":true}"#, .badValue, "skip_seen"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"share":101}"#, .badValue, "share"),
      (#"{"id":"a","kind":"explore"}"#, .missingField, "exploration"),
      (#"{"id":"a","kind":"explore","exploration":{"share":0.1}}"#, .missingField, "exploration"),
      (#"{"id":"a","kind":"explore","exploration":{"share":0.6,"max_events":1}}"#, .badValue, "share"),
      (#"{"id":"a","kind":"explore","exploration":{"share":0.1,"max_events":-1}}"#, .badValue, "max_events"),
      (#"{"id":"a","kind":"explore","exploration":{"share":0.1,"max_events":1,"n":1}}"#, .badValue, "n"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"exploration":{"share":0.1,"max_events":1}}"#, .badValue, "exploration"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"until":"then"}"#, .badTimestamp, "until"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"from":"2026-02-01","until":"2026-02-01"}"#, .badValue, "until"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"stength":1}"#, .badValue, "stength"),
      (#"{"id":"a","kind":"bury","target":{"item":"x"},"priority":"high"}"#, .badValue, "priority"),
    ] as [(String, DocumentFault.Reason, String?)])
  func aBadRuleIsRefusedWithItsField(json: String, reason: DocumentFault.Reason, field: String?) {
    do throws(DocumentFault) {
      _ = try MerchandisingRule(Array(json.utf8), createdAt: now)
      Issue.record("\(json) was read")
    } catch { #expect(error.reason == reason && error.field == field, "\(json): \(error)") }
  }

  @Test func theFaultOfAFilterNamesItsPlace() {
    #expect { try rule(#"{"id":"a","kind":"bury","target":{"filter":"price < \"10\""}}"#) } throws: {
      ($0 as? DocumentFault)?.message.contains("position 9") == true
    }
  }

  @Test func aRuleIsInForceInItsWindowAndPlacement() throws {
    let own = try rule(#"{"id":"a","kind":"bury","target":{"item":"x"},"from":1769848200000,"until":1769848201000,"placement":"home"}"#)
    func applies(_ time: Int64, _ placement: String? = "home") -> Bool { own.applies(user: "u", placement: placement, now: time) }
    #expect(!applies(now - 1) && applies(now) && applies(now + 999) && !applies(now + 1000))
    #expect(!applies(now, nil) && !applies(now, "basket"))
    let all = try rule(#"{"id":"a","kind":"bury","target":{"item":"x"}}"#)
    #expect(all.applies(user: nil, placement: nil, now: 0) && all.applies(user: "u", placement: "any", now: now))
    #expect(!(try rule(#"{"id":"a","kind":"bury","target":{"item":"x"},"enabled":false}"#).applies(user: "u", placement: nil, now: now)))
  }

  @Test func aShareTakesItsUsersByHashAndRaisingItRemovesNobody() throws {
    let users = (0..<2000).map { "user-\($0)" }
    func members(_ share: Double, salt: String = "s") throws -> Set<String> {
      let own = try rule(#"{"id":"a","kind":"bury","target":{"item":"x"},"share":\#(share),"salt":"\#(salt)"}"#)
      return Set(users.filter { own.applies(user: $0, placement: nil, now: now) })
    }
    let (none, tenth, half, all) = (try members(0), try members(10), try members(50), try members(100))
    #expect(none.isEmpty && all.count == 2000 && 140...260 ~= tenth.count && 900...1100 ~= half.count)
    #expect(tenth.isSubset(of: half))
    #expect(400...600 ~= half.intersection(try members(50, salt: "t")).count, "another salt chooses independently")
    let partial = try rule(#"{"id":"a","kind":"bury","target":{"item":"x"},"share":99.99}"#)
    #expect(!partial.applies(user: nil, placement: nil, now: now), "without a user, no share can be told")
  }
}

@Suite struct RuleSetTests {
  private func many(_ count: Int, _ kind: String, until: String? = nil) throws -> [MerchandisingRule] {
    try (0..<count).map {
      let end = until.map { #","until":"\#($0)""# } ?? ""
      let position = kind == "pin" ? #","position":1"# : ""
      return try rule(#"{"id":"\#(kind)-\#(until ?? "")-\#($0)","kind":"\#(kind)","target":{"item":"x"}\#(position)\#(end)}"#)
    }
  }

  @Test func theNumbersOfActiveRulesAndPinsAreLimited() throws {
    let (rules, pins, over) = (try many(900, "bury"), try many(100, "pin"), try many(50, "pin", until: "2020-01-01"))
    #expect(try RuleSet(rules + pins + over, now: now).rules.count == 1050)
    #expect { try RuleSet(rules + pins + many(1, "exclude"), now: now) } throws: { ($0 as? DocumentFault)?.reason == .tooMany }
    #expect { try RuleSet(many(101, "pin"), now: now) } throws: { ($0 as? DocumentFault)?.message.contains("100") == true }
    #expect(throws: DocumentFault.self) { try RuleSet(pins + over, now: 0) }
    #expect { try RuleSet([rules[0], rules[0]], now: now) } throws: { ($0 as? DocumentFault)?.reason == .badID }
  }

  @Test func rulesTakePrecedenceByPriorityThenAgeThenID() throws {
    func named(_ id: String, _ priority: Int, _ created: Int64) throws -> MerchandisingRule {
      try rule(#"{"id":"\#(id)","kind":"bury","target":{"item":"x"},"priority":\#(priority)}"#, createdAt: created)
    }
    let rules = [try named("b", 0, 5), try named("d", 0, 6), try named("a", 0, 5), try named("c", 1, 9), try named("e", -1, 0)]
    #expect(try RuleSet(rules, now: now).rules.map(\.id) == ["c", "a", "b", "d", "e"])
  }
}

@Suite struct CompiledRulesTests {
  /// Rules follow the catalogue: new items, new categories and the clock.
  @Test func rulesSpeakOfTheCatalogueAsItIs() throws {
    var index = CatalogueIndex(Shop.documents)
    var numbers = ["A": 0, "B": 1] as [String: Int32]
    let rules = try RuleSet(
      [
        rule(#"{"id":"a","kind":"exclude","target":{"item":"Z"}}"#), rule(#"{"id":"b","kind":"exclude","target":{"category":"garden"}}"#),
        rule(#"{"id":"c","kind":"bury","target":{"filter":"available_until < now + 1s"}}"#),
        rule(#"{"id":"d","kind":"pin","target":{"item":"Z"},"position":1}"#),
        rule(#"{"id":"e","kind":"boost","target":{"item":"A"},"strength":1}"#),
      ], now: now)
    var compiled = CompiledRules(rules, index, now: now) { numbers[$0] }
    var applied = compiled.applying(user: nil, placement: nil, now: now)
    #expect(Array(applied.excluded) == [1] && Array(applied.buried) == [4] && Array(applied.boosted) == [0])
    #expect(compiled.isCurrent(index, now: now))

    index.set(try ItemDocument(itemID: "Z", categories: ["garden"], availableUntil: now + 2000), number: 5)
    index.set(try ItemDocument(itemID: "B"), number: 1)
    numbers["Z"] = 5
    #expect(!compiled.isCurrent(index, now: now))
    compiled = compiled.brought(to: index, now: now) { numbers[$0] }
    applied = compiled.applying(user: nil, placement: nil, now: now)
    #expect(Array(applied.excluded) == [5] && Array(applied.buried) == [4])

    #expect(compiled.isCurrent(index, now: now + 1000) && !compiled.isCurrent(index, now: now + 1001))
    compiled = compiled.brought(to: index, now: now + 1001) { numbers[$0] }
    #expect(Array(compiled.applying(user: nil, placement: nil, now: now + 1001).buried) == [4, 5])
  }

  /// A change of one rule uses the items of the others again, brought to the catalogue as it is.
  @Test func changedRulesUseTheItemsOfUnchangedTargets() throws {
    var index = CatalogueIndex(Shop.documents)
    let (first, second) = (
      try rule(#"{"id":"a","kind":"exclude","target":{"category":"garden"}}"#),
      try rule(#"{"id":"b","kind":"bury","target":{"filter":"price < 10"}}"#)
    )
    let before = CompiledRules(try RuleSet([first], now: now), index, now: now) { _ in nil }
    index.set(try ItemDocument(itemID: "F", categories: ["garden"]), number: 7)
    let after = CompiledRules(try RuleSet([first, second], now: now), index, now: now, previous: before) { _ in nil }
    let applied = after.applying(user: nil, placement: nil, now: now)
    #expect(Array(applied.excluded) == [1, 7] && Array(applied.buried) == [0])
  }
}
