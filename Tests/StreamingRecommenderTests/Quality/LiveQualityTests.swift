import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct LiveQualityTests {
  private static let hour: Int64 = 3_600_000

  private static func sampledUser(_ quality: LiveQuality) -> UserReference {
    (0..<10_000).lazy.map { UserReference(partition: 0, index: $0) }.first(where: quality.isSampled)!
  }

  @Test func ranksHitsAndTheBaselineAreCounted() throws {
    var quality = LiveQuality()
    let user = Self.sampledUser(quality)
    quality.setPopular(Array(100..<120))
    quality.note(user, Array(0..<20), .foldin)
    // Rank 1, rank 11, a popular one that is not in the list, none of both.
    for item in [0, 10, 103, 999] as [Int32] { quality.judge(item, of: user, atMilliseconds: 5 * Self.hour, isInShadow: false) { [] } }
    let tally = try #require(quality.totals[.foldin])
    #expect((tally.events, tally.hits, tally.popularHits) == (4, 1, 1))
    let expected: Double = 1 + 1.0 / 11
    let difference: Double = tally.reciprocalRanks - expected
    #expect(abs(difference) < 1e-12)
    #expect(tally.hitRate == 0.25)
    #expect(quality.tally(ofHours: 0..<1, before: 5 * Self.hour)[.foldin] == tally)
    #expect(quality.tally(ofHours: 0..<1, before: 6 * Self.hour).isEmpty)
    #expect(quality.tally(ofHours: 0..<2, before: 6 * Self.hour)[.foldin] == tally)
  }

  @Test func theBaselineLeavesOutWhatTheUserHasUsed() throws {
    var quality = LiveQuality()
    let user = Self.sampledUser(quality)
    quality.setPopular(Array(0..<30))
    quality.note(user, [500], .personal)
    quality.judge(12, of: user, atMilliseconds: 0, isInShadow: false) { [] }
    #expect(quality.totals[.personal]?.popularHits == 0)
    quality.judge(12, of: user, atMilliseconds: 0, isInShadow: false) { [0, 1, 2] }
    #expect(quality.totals[.personal]?.popularHits == 1)
  }

  @Test func aUserWithoutAListIsNotJudged() {
    var quality = LiveQuality()
    let user = Self.sampledUser(quality)
    quality.judge(1, of: user, atMilliseconds: 0, isInShadow: false) { [] }
    quality.note(user, [1], .foldin)
    quality.forget(user)
    quality.judge(1, of: user, atMilliseconds: 0, isInShadow: false) { [] }
    #expect(quality.totals.isEmpty)
  }

  @Test func aboutOneUserInSixteenIsSampledAndTheSampleIsBounded() {
    var quality = LiveQuality()
    let users = (0..<1_600_000).map { UserReference(partition: Int32($0 % 8), index: Int32($0 / 8)) }
    let sampled = users.filter(quality.isSampled)
    let share = Double(sampled.count) / Double(users.count)
    #expect(0.058...0.067 ~= share)
    for user in sampled { quality.note(user, [1], .foldin) }
    #expect(quality.sampling > 16)
    #expect(users.filter(quality.isSampled).count <= LiveQuality.usersMax)
  }

  @Test func oldHoursAreDropped() {
    var quality = LiveQuality()
    let user = Self.sampledUser(quality)
    quality.note(user, [1], .foldin)
    for hour in 0..<200 { quality.judge(1, of: user, atMilliseconds: Int64(hour) * Self.hour, isInShadow: false) { [] } }
    let kept = quality.tally(ofHours: 0..<200, before: 199 * Self.hour)[.foldin]
    #expect(kept?.events == LiveQuality.hoursMax)
    #expect(quality.totals[.foldin]?.events == 200)
  }

  @Test func theLoopJudgesTheListThatStoodBeforeTheEvent() throws {
    let rig = LoopRig()
    rig.start(checkerboard(users: 64, items: 20))
    let engine = rig.engine
    let users = engine.state.users.references.filter { engine.quality.isSampled($0) }
    try #require(!users.isEmpty)
    var expected = LiveQuality.Tally()
    for user in users {
      let name = engine.state.users.name(user)
      let list = try #require(rig.view.lists[Identifier(name)]).items.map(\.item)
      let first = try #require(list.first)
      rig.produce([event(String(decoding: name, as: UTF8.self), first.string, time: rig.clock.wallMilliseconds)])
      expected.add(rank: 1, popularRank: nil)
    }
    rig.settle()
    let total = LiveQualityReport.total(rig.engine.quality.totals)
    #expect((total.events, total.hits, total.reciprocalRanks) == (expected.events, expected.hits, expected.reciprocalRanks))
    // The same items again are no first interactions.
    let again = rig.engine.quality.totals
    for user in users {
      rig.produce([event(String(decoding: engine.state.users.name(user), as: UTF8.self), "i1", time: rig.clock.wallMilliseconds)])
    }
    for user in users {
      rig.produce([event(String(decoding: engine.state.users.name(user), as: UTF8.self), "i1", time: rig.clock.wallMilliseconds)])
    }
    rig.settle()
    let events = LiveQualityReport.total(rig.engine.quality.totals).events - LiveQualityReport.total(again).events
    #expect(events <= users.count)
  }
}

@Suite struct PairedHitsTests {
  private static func hits(_ both: Int, _ onlyLive: Int, _ onlyShadow: Int, _ neither: Int) -> PairedHits {
    var hits = PairedHits()
    for (count, live, shadow) in [(both, true, true), (onlyLive, true, false), (onlyShadow, false, true), (neither, false, false)] {
      for _ in 0..<count {
        var user = PairedHits.Share()
        hits.add(live: live, shadow: shadow, &user)
      }
    }
    return hits
  }

  /// b = 100, c = 160 of 10,000: difference 0.006, standard error sqrt(260 - 60 * 60 / 10,000) / 10,000 = 0.001611.
  @Test func theIntervalIsThatOfMcNemar() throws {
    let hits = Self.hits(2000, 100, 160, 7740)
    #expect(abs(hits.difference - 0.006) < 1e-12)
    let margin: Double = try #require(hits.margin)
    let expected: Double = 1.96 * 0.0016113
    #expect(abs(margin - expected) < 1e-6)
    #expect(hits.sentence.contains("the shadow is better"))
    #expect(hits.sentence.contains("difference +0.0060 (95 %: +0.0028 to +0.0092)"))
  }

  @Test func anUnclearComparisonSaysHowManyEventsItTakes() throws {
    let hits = Self.hits(200, 50, 55, 700)
    #expect(hits.sentence.contains("no difference shown"))
    // (1.96 + 0.84)^2 * (105 / 1005 - (5 / 1005)^2) / 0.0124378^2 = 5294.
    #expect(hits.eventsNeeded(toSee: hits.liveRate / 20) == 5294)
    #expect(hits.sentence.contains("about 4289 more events"))
  }

  /// Ten users with ten equal events each say no more than ten events.
  @Test func eventsOfOneUserAreNotIndependent() throws {
    var (hits, single) = (PairedHits(), PairedHits())
    for user in 0..<60 {
      var share = PairedHits.Share()
      for _ in 0..<10 { hits.add(live: user % 3 == 0, shadow: user % 2 == 0, &share) }
      var one = PairedHits.Share()
      single.add(live: user % 3 == 0, shadow: user % 2 == 0, &one)
    }
    #expect(hits.difference == single.difference)
    #expect(hits.onlyLive + hits.onlyShadow == 300)
    #expect(single.onlyLive + single.onlyShadow == 30)
    let (margin, alone) = (try #require(hits.margin), try #require(single.margin))
    #expect(abs(margin - alone) < 1e-12)
  }

  @Test func fewDifferencesSayNothing() {
    #expect(Self.hits(100, 3, 5, 100).margin == nil)
    #expect(Self.hits(100, 3, 5, 100).sentence.contains("too few differ"))
    #expect(PairedHits().sentence == "nothing is compared yet")
  }
}
