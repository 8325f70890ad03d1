import ItemMetadata
import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct AttributionTests {
  private static let now: Int64 = 1_700_000_000_000

  private static func id(user: String? = "u1", at time: Int64 = now, arm: UInt8 = 0) -> String {
    RecommendationIdentifier(
      now: time, epoch: 3, arm: arm, user: user,
      items: [
        .init(item: "a", source: .personal), .init(item: "b", source: .popular, ruleClass: [.boost]),
        .init(item: "c", source: .personal, ruleClass: [.pin]),
      ]
    ).encoded { RecommendationIdentifier.checksum($0) }
  }

  private static func engine() -> RecommenderEngine { RecommenderEngine(plainConfiguration()) }

  private func apply(_ engine: inout RecommenderEngine, _ fields: String, offset: Int64 = 0) -> EngineUpdate {
    let value = Array(#"{"user_id":"u1","event_id":"e\#(offset)","timestamp":\#(Self.now + 60_000),\#(fields)}"#.utf8)
    let record = Record(offset: offset, timestampMilliseconds: Self.now + 60_000, key: nil, value: value)
    return engine.apply([RecordBatch(source: TopicPartition(topic: "events", partition: 0), records: [record])])
  }

  @Test func aClickCountsForTheSourceTheRuleAndTheArm() {
    var engine = Self.engine()
    _ = apply(&engine, #""item_id":"a","recommendation_id":"\#(Self.id(arm: 1))""#)
    _ = apply(&engine, #""recommendation_id":"\#(Self.id())","item_id":"b""#, offset: 1)
    _ = apply(&engine, #""item_id":"c","recommendation_id":"\#(Self.id())""#, offset: 2)
    #expect(
      engine.attribution.clicks == [
        .init(source: .personal, rule: "none", arm: 1): 1, .init(source: .popular, rule: "boost", arm: 0): 1,
        .init(source: .personal, rule: "pin", arm: 0): 1,
      ])
    #expect(Array(engine.attribution.clicksByRank.prefix(3)) == [1, 1, 1])
  }

  @Test func impressionsCountOnceAndOnlyItemsOfTheAnswer() {
    var engine = Self.engine()
    for offset in 0..<2 as Range<Int64> {
      _ = apply(
        &engine, #""item_id":"zzz","impression":["a", "b\u0062", "b", 7],"recommendation_id":"\#(Self.id())""#, offset: offset)
    }
    #expect(engine.attribution.impressions.values.reduce(0, +) == 2)
    #expect(engine.attribution.clicks.isEmpty)
  }

  @Test(arguments: [
    (#""item_id":"a","recommendation_id":"no id""#, Attribution.Reason.badID),
    (#""item_id":"other","recommendation_id":"\#(id())""#, .notShown),
    (#""item_id":"a","recommendation_id":"\#(id(user: "u2"))""#, .otherUser),
    (#""item_id":"a","recommendation_id":"\#(id(at: now - 8 * 86_400_000))""#, .expired),
  ])
  func whatDoesNotCountHasAReason(_ fields: String, _ reason: Attribution.Reason) {
    var engine = Self.engine()
    let update = apply(&engine, fields)
    #expect(update.applied.count == 1)
    #expect(engine.attribution.unattributed == [reason: 1])
    #expect(engine.attribution.clicks.isEmpty)
  }

  @Test func aRepeatAndAForgedIdDoNotCount() {
    var engine = Self.engine()
    for offset in 0..<3 as Range<Int64> { _ = apply(&engine, #""item_id":"a","recommendation_id":"\#(Self.id())""#, offset: offset) }
    #expect(engine.attribution.clicks.values.reduce(0, +) == 1)
    #expect(engine.attribution.unattributed == [.repeat: 2])
    engine.attribute { _ in [1, 2, 3, 4, 5, 6, 7, 8] }
    _ = apply(&engine, #""item_id":"a","recommendation_id":"\#(Self.id())""#, offset: 9)
    #expect(engine.attribution.unattributed == [.forged: 1])
  }

  @Test func aMergedUserIsTheSameAndADislikeIsNoClick() {
    var engine = Self.engine()
    func apply(_ value: String, _ offset: Int64) {
      let record = Record(offset: offset, timestampMilliseconds: Self.now + 60_000, key: nil, value: Array(value.utf8))
      _ = engine.apply([RecordBatch(source: TopicPartition(topic: "events", partition: 0), records: [record])])
    }
    apply(#"{"op":"merge","user_id":"u1","into":"account"}"#, 0)
    apply(#"{"user_id":"u1","item_id":"a","recommendation_id":"\#(Self.id())"}"#, 1)
    #expect(engine.attribution.clicks.values.reduce(0, +) == 1)
    apply(#"{"user_id":"account","item_id":"b","event_value":-1,"recommendation_id":"\#(Self.id(user: "account"))"}"#, 2)
    apply(#"{"user_id":"account","item_id":"a","op":"delete","recommendation_id":"\#(Self.id(user: "account"))"}"#, 3)
    #expect(engine.attribution.clicks.values.reduce(0, +) == 1)
    #expect(engine.attribution.unattributed.isEmpty)
  }

  @Test func eventsWithoutAnIdAreLeftAlone() {
    var engine = Self.engine()
    _ = apply(&engine, #""item_id":"a","impression":["a","b"]"#)
    _ = apply(&engine, #""item_id":"b","recommendation_id":"""#, offset: 1)
    _ = apply(&engine, #""item_id":"c","recommendation_id":null"#, offset: 2)
    #expect(engine.attribution.unattributed.isEmpty)
    #expect(engine.state.users.pairCount == 3)
  }

  @Test func armsAreComparedWithAnInterval() throws {
    func report(_ counts: [(arm: UInt8, clicks: Int, impressions: Int)]) -> AttributionReport {
      AttributionReport(
        counts.map { arm, clicks, impressions in (.init(source: .personal, rule: "none", arm: arm), clicks, impressions) })
    }
    #expect(report([(0, 50, 1000)]).armSentence == nil)
    // Standard error sqrt(0.05 * 0.95 / 1000 + 0.06 * 0.94 / 1000) = 0.01019; n = 16 * 0.05 * 0.95 / 0.0025^2 = 121,600.
    let unclear = try #require(report([(0, 50, 1000), (1, 60, 1000)]).armSentence)
    #expect(
      unclear
        == "arm 1 6.00 % against 5.00 % of arm 0, difference 1.00 % (95 %: -1.00 % to 3.00 %): none shown, about 120600 more impressions "
        + "an arm to see one of 5 %")
    let clear = try #require(report([(0, 500, 10_000), (1, 700, 10_000)]).armSentence)
    #expect(clear.contains("difference 2.00 %") && !clear.contains("none shown"))
    #expect(report([(0, 50, 1000), (2, 10, 0)]).total.rate == 0.06)
  }
}
