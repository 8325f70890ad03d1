import Foundation
import Testing

@testable import StreamingRecommender

/// Records of other systems as they came in reports, and what must become of them.
@Suite struct FieldCaseTests {
  private static let likes = RecommenderConfiguration.Input.Preset.debezium.rawValue

  private func engine(_ settings: [(String, String)]) throws -> RecommenderEngine {
    RecommenderEngine(
      try ConfigurationLoader.load(flags: settings.map { (key: "input.\($0.0)", value: $0.1) }, searchPaths: []).configuration)
  }

  private func batch(_ records: [(key: String?, value: String?)], from offset: Int64 = 0) -> RecordBatch {
    RecordBatch(
      source: TopicPartition(topic: "events", partition: 0),
      records: records.enumerated().map { index, record in
        Record(
          offset: offset + Int64(index), timestampMilliseconds: testNow, key: record.key.map { Array($0.utf8) },
          value: record.value.map { Array($0.utf8) })
      })
  }

  private func apply(_ values: [String], _ settings: [(String, String)]) throws -> (RecommenderEngine, EngineUpdate) {
    var engine = try engine(settings)
    let update = engine.apply([batch(values.map { (nil, $0) })])
    return (engine, update)
  }

  private func items(of user: String, in engine: RecommenderEngine) -> [String] {
    guard let user = engine.state.users.find(Array(user.utf8)) else { return [] }
    return engine.state.users.seen(user).map { engine.state.catalogue.items.string($0) }.sorted()
  }

  // MARK: Several events in one request

  static let putEvents = [
    #"{"trackingId":"t","userId":"101","sessionId":"s-1","eventList":[{"eventId":"e-1","eventType":"rating","sentAt":1566745166,"properties":"{\"itemId\":\"m1\",\"eventValue\":4.5}"},{"eventId":"e-2","eventType":"rating","sentAt":1566745170,"properties":"{\"itemId\":\"m2\",\"eventValue\":3}"}]}"#,
    #"{"userId":"102","sessionId":"s-2","eventList":[{"eventId":"e-3","eventType":"click","sentAt":1566745180,"itemId":"m1","recommendationId":"r-1"}]}"#,
    #"{"userId":"103","sessionId":"s-3","eventList":[{"eventId":"e-4","eventType":"click","sentAt":1566745190,"properties":{"itemId":"m3","eventValue":"4.5"}}]}"#,
  ]

  @Test(arguments: ["freshet", "personalize"]) func aRequestWithAListIsAsManyInteractions(preset: String) throws {
    let (engine, update) = try apply(Self.putEvents, [("preset", preset)])
    #expect(update.rejected == [:] && update.deadLetters == [])
    #expect(update.topics["events"]?.applied == 4)
    #expect(update.consumed == 3)
    #expect(engine.state.offsets[TopicPartition(topic: "events", partition: 0)] == 3)
    #expect(items(of: "101", in: engine) == ["m1", "m2"])
    #expect(items(of: "102", in: engine) == ["m1"])
    #expect(items(of: "103", in: engine) == ["m3"])
  }

  @Test func aRecordOfSeveralEventsIsAppliedOnce() throws {
    var engine = try engine([("preset", "personalize")])
    let first = engine.apply([batch(Self.putEvents.map { (nil, $0) })])
    let again = engine.apply([batch(Self.putEvents.map { (nil, $0) })])
    #expect(first.applied.count == 4)
    #expect(again.applied.isEmpty && again.ignored == [.alreadyApplied: 3])
    #expect(engine.state.users.pairCount == 4 && engine.state.eventsApplied == 4)
  }

  @Test func aRecordWithABadEventChangesNothing() throws {
    let bad =
      #"{"userId":"101","eventList":[{"eventType":"click","itemId":"m1"},{"eventType":"click","itemId":"m2"},{"eventType":"click","itemId":true}]}"#
    let (engine, update) = try apply([bad], [("preset", "personalize")])
    #expect(engine.state.users.count == 0 && update.applied.isEmpty)
    #expect(update.deadLetters.map(\.reason) == ["bad_id"])
    #expect(update.deadLetters[0].message.hasPrefix("event 2 of the record: item_id"))
  }

  // MARK: Records of several kinds

  static let ranking = [
    #"{"event":"interaction","id":"a1","ranking":"r1","timestamp":"1636994059000","user":"usr-1","session":"ses-1","type":"click","item":"p3","fields":[]}"#,
    #"{"event":"interaction","id":"a2","ranking":"r1","timestamp":"1636994061000","user":"usr-1","session":"ses-1","type":"purchase","item":"p4","fields":[{"name":"count","value":2}]}"#,
    #"{"event":"interaction","id":"a3","timestamp":"2021-11-15T16:34:24Z","user":"usr-2","session":"ses-2","type":"click","item":"p3"}"#,
    #"{"event":"ranking","id":"r1","timestamp":"1636994058000","user":"usr-1","session":"ses-1","fields":[],"items":[{"id":"p3"},{"id":"p4"},{"id":"p5"}]}"#,
    #"{"event":"item","id":"i1","timestamp":"1636990000000","item":"p3","fields":[{"name":"color","value":"red"}]}"#,
  ]

  @Test func kindsThatAreNoInteractionsAreIgnoredByRule() throws {
    let settings = [
      ("fields.user_id", "user"), ("fields.item_id", "item"), ("fields.event_type", "type"), ("fields.event_id", "id"),
      ("ignore", "event != interaction"), ("weights.click", "1"), ("weights.purchase", "5"),
    ]
    let (engine, update) = try apply(Self.ranking, settings)
    #expect(update.topics["events"]?.applied == 3)
    #expect(update.ignored == [.ignoreRule: 2] && update.rejected == [:] && update.unreadableTimestamps == 0)
    #expect(engine.state.users.newestTimeMilliseconds == 1_636_994_064_000)
    #expect(items(of: "usr-1", in: engine) == ["p3", "p4"])
    let buyer = try #require(engine.state.users.find(Array("usr-1".utf8)))
    let bought = try #require(engine.state.catalogue.items.find(Array("p4".utf8)))
    #expect(engine.state.users.strength(buyer, bought) == 5, "the type is not lost")
  }

  @Test func withoutSettingsTheirTimesAreRead() throws {
    let (_, update) = try apply(Array(Self.ranking.prefix(3)), [])
    #expect(update.topics["events"]?.applied == 3 && update.unreadableTimestamps == 0)
  }

  // MARK: Change capture

  static let flat = [
    #"{"user_id":"u-77","item_id":"like-1","created_at":1700000000000,"__op":"c","__deleted":"false","__source_ts_ms":1700000000010}"#,
    #"{"user_id":"u-77","item_id":"like-2","created_at":1700000001000,"__op":"c","__deleted":"false","__source_ts_ms":1700000001010}"#,
    #"{"user_id":"u-77","item_id":"like-1","created_at":1700000000000,"__op":"d","__deleted":"true","__source_ts_ms":1700000009010}"#,
  ]
  static let envelope = [
    #"{"before":null,"after":{"user_id":"u-78","item_id":"like-1","created_at":1700000000000},"source":{"table":"likes"},"op":"c","ts_ms":1700000000010}"#,
    #"{"before":{"user_id":"u-78","item_id":"like-1","created_at":1700000000000},"after":null,"source":{"table":"likes"},"op":"d","ts_ms":1700000009010}"#,
    #"{"schema":{"type":"struct","fields":[{"type":"string","field":"user_id"},{"type":"string","field":"item_id"}]},"payload":{"user_id":"u-79","item_id":"like-1"}}"#,
  ]

  @Test(arguments: ["freshet", "debezium"]) func aDeletedRowUndoesTheLike(preset: String) throws {
    let (engine, update) = try apply(Self.flat, [("preset", preset)])
    #expect(update.rejected == [:] && update.ignored == [:])
    #expect(items(of: "u-77", in: engine) == ["like-2"])
  }

  @Test(arguments: ["freshet", "debezium"]) func aDeletedRowInTheEnvelopeUndoesTheLike(preset: String) throws {
    let (engine, update) = try apply(Self.envelope, [("preset", preset)])
    #expect(update.rejected == [:] && update.ignored == [:])
    #expect(items(of: "u-78", in: engine) == [])
    #expect(items(of: "u-79", in: engine) == ["like-1"])
    #expect(engine.state.users.pairCount == 1)
  }

  @Test func aTableThatIsReadAgainCountsOnce() throws {
    let row = #"{"before":null,"after":{"user_id":"u","item_id":"i","rating":3},"op":"r","ts_ms":1700000000010}"#
    let (engine, _) = try apply([row, row, row], [("preset", "debezium")])
    let user = try #require(engine.state.users.find(Array("u".utf8)))
    #expect(engine.state.users.strength(user, 0) == 3)
  }

  // MARK: Keys of tombstones

  @Test func aTombstoneForgetsWhomItsKeyNamesInWhateverForm() throws {
    var engine = try engine([])
    let users = ["kt1", "kt2", "kt3", "kt4"]
    _ = engine.apply([batch(users.map { ($0, #"{"user_id":"\#($0)","item_id":"i1"}"#) })])
    #expect(engine.state.users.count == 4)
    let keys = [#""kt1""#, #"{"user_id":"kt2"}"#, #"{"schema":{"type":"string","optional":false},"payload":"kt3"}"#, "kt4"]
    let update = engine.apply([batch(keys.map { ($0, nil) }, from: 4)])
    #expect(engine.state.users.count == 0)
    #expect(update.forgotten.map(\.string) == users)
    #expect(update.unknownTombstones == [] && update.rejected == [:])
  }

  @Test func aTombstoneThatNamesNobodyIsToldWithTheFormOfItsKey() throws {
    var engine = try engine([])
    let update = engine.apply([batch([("nobody", nil), (#"{"user_id":"nobody2"}"#, nil), (#""nobody3""#, nil)])])
    #expect(update.unknownTombstones.map(\.form) == [.text, .jsonObject(fields: "user_id"), .jsonText])
    #expect(
      update.forgotten.map(\.string) == ["nobody", "nobody2", "nobody3"], "what was published of them before is removed all the same")
    let again = engine.apply([batch([("nobody", nil)], from: 3)])
    #expect(again.unknownTombstones == [], "a repetition is nothing new")
  }

  @Test func anIDThatLooksLikeJSONIsForgottenAsItIs() throws {
    var engine = try engine([])
    _ = engine.apply([batch([(#""q""#, #"{"user_id":"\"q\"","item_id":"i"}"#), ("q", #"{"user_id":"q","item_id":"i"}"#)])])
    let update = engine.apply([batch([(#""q""#, nil)], from: 2)])
    #expect(update.forgotten.map(\.string) == [#""q""#])
    #expect(engine.state.users.find(Array("q".utf8)) != nil)
  }

  @Test func aTombstoneOfARowDeletesThePair() throws {
    let key = #"{"user_id":"u","item_id":"i"}"#
    for preset in ["freshet", "debezium"] {
      var engine = try engine([("preset", preset)])
      _ = engine.apply([batch([(key, #"{"user_id":"u","item_id":"i"}"#), ("x", #"{"user_id":"u","item_id":"j"}"#)])])
      _ = engine.apply([batch([(key, nil)], from: 2)])
      #expect(items(of: "u", in: engine) == ["j"], "\(preset)")
    }
    var engine = try engine([("preset", "debezium")])
    let update = engine.apply([batch([(#"{"id":7}"#, nil), (#"{"user_id":"u"}"#, nil)])])
    #expect(update.ignored == [.ignoreRule: 2] && update.forgotten.isEmpty)
  }
}
