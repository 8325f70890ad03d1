import Foundation
import HTTPServing
import ItemMetadata
import Pipeline
import ServingFormats
import StreamingRecommender
import Testing

@testable import Gateway
@testable import RedisPublishing

/// What trends, over HTTP, with the windows that an engine counts.
@Suite(.disabled(if: !serversAreThere, serverMissing), .serialized) struct TrendingTests {
  private static let hour: Int64 = 3_600_000

  /// Items i0 to i9 in falling order in the week, i20 to i24 in the day, i30 alone in the hour.
  private func blob(_ fixture: ServerFixture, madeAt: Int64, days: Int64 = 8) throws -> TrendingBlob {
    var windows = TrendWindows()
    let now = EngineFixture.start
    windows.count(try #require(fixture.engine.number("i1")), atMilliseconds: now - days * 24 * Self.hour)
    func count(_ item: Int, _ events: Int, _ time: Int64) throws {
      let number = try #require(fixture.engine.number("i\(item)"))
      for _ in 0..<events { windows.count(number, atMilliseconds: time) }
    }
    for item in 0..<10 { try count(item, 40 - 2 * item, now - 3 * 24 * Self.hour) }
    for item in 20..<25 { try count(item, 79 - 2 * item, now - 5 * Self.hour) }
    try count(30, 3, now)
    return windows.blob(nowMilliseconds: madeAt)
  }

  private func publish(_ fixture: ServerFixture, _ blob: TrendingBlob) throws {
    let redis = try fixture.redis.connection()
    var writer = RESPWriter()
    writer.append(["SET", .text(fixture.redis.keys.trending), .bytes(blob.encoded())])
    try redis.send(writer.bytes)
    _ = try redis.nextReply()
  }

  @Test func windowsCategoriesAndFilters() throws {
    let fixture = try ServerFixture()
    try publish(fixture, blob(fixture, madeAt: EngineFixture.start))
    #expect(try eventually { try fixture.get("/v1/trending").status == 200 })
    #expect(try fixture.get("/v1/trending?window=1h").json.ids == ["i30"])
    let day = try fixture.get("/v1/trending")
    #expect(day.json.ids == ["i20", "i21", "i22", "i23", "i24", "i30"] && day.json["window"].text == "24h")
    #expect(day.json["items"][0]["score"].number == 39 && day.json["items"][0]["source"].text == "trending")
    #expect(day.json["source"].text == "trending" && day.json["degraded"].text == nil)
    let week = try fixture.get("/v1/trending?window=7d&n=100").json.ids
    #expect(week == ["i0", "i20", "i1", "i21", "i2", "i22", "i3", "i23", "i4", "i24"] + (5..<10).map { "i\($0)" } + ["i30"])
    #expect(try fixture.get("/v1/trending?window=7d&category=three&n=3").json.ids == ["i0", "i21", "i3"])
    #expect(try fixture.get("/v1/trending?window=7d&n=2&offset=1").json.ids == ["i20", "i1"])
    #expect(try fixture.get("/v1/trending?window=7d&n=2&exclude=i0").json.ids == ["i20", "i1"])
    #expect(try fixture.get("/v1/trending?window=7d&filter=price%20%3C%202&n=9").json.ids == ["i0", "i1"])
    let tag = try #require(day.headers["etag"])
    #expect(try fixture.get("/v1/trending?window=24h", headers: "If-None-Match: \(tag)\r\n").status == 304)
    let wrong = try fixture.get("/v1/trending?window=2h")
    #expect(wrong.status == 400 && wrong.json["detail"].text?.contains("1h") == true)

    // A hidden item and a newer value.
    fixture.mirror.set([try ItemDocument(itemID: "i20", isHidden: true)])
    #expect(try eventually { try fixture.get("/v1/trending").json.ids.first == "i21" })
    var next = try blob(fixture, madeAt: EngineFixture.start + 10_000)
    next.windows[.hour] = []
    try publish(fixture, next)
    #expect(try eventually { try fixture.get("/v1/trending?window=1h").json.ids.isEmpty })
  }

  @Test func anEngineThatHasCountedForLessTimeSaysSo() throws {
    let fixture = try ServerFixture()
    try publish(fixture, blob(fixture, madeAt: EngineFixture.start, days: 4))
    #expect(try eventually { try fixture.get("/v1/trending").status == 200 })
    #expect(try fixture.get("/v1/trending?window=24h").json["degraded"].text == nil)
    #expect(try fixture.get("/v1/trending?window=7d").json["degraded"].text == "window")
  }

  @Test func withoutWindowsTheAnswerNamesTheKey() throws {
    let fixture = try ServerFixture()
    let answer = try fixture.get("/v1/trending")
    #expect(answer.status == 404 && answer.json["fix"].text?.contains("publish.rows=true") == true)
  }

  /// Numbers that an engine gave anew after a restart are not shown as other items.
  @Test func numbersOfAnEarlierProcessAreLeftOut() throws {
    let fixture = try ServerFixture()
    try publish(fixture, blob(fixture, madeAt: EngineFixture.start - 1))
    #expect(try eventually { try fixture.get("/v1/trending").status == 200 })
    let all = try fixture.get("/v1/trending?window=7d&n=100").json.ids
    var trend = fixture.engine.trend
    let kept = try #require(fixture.engine.number("i20"))
    trend.numbersKept = Int(kept)
    trend.madeAtMilliseconds += 1
    try fixture.redis.publish([.trend(trend)])
    #expect(
      try eventually {
        try fixture.get("/v1/trending?window=7d&n=100").json.ids == all.filter { fixture.engine.number($0)! < kept }
      })
  }
}
