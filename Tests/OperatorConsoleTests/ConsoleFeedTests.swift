import Telemetry
import Testing

@testable import OperatorConsole

@Suite struct ConsoleFeedTests {
  private static let start = 1_000_000
  private var feed = ConsoleFeed(place: "a, freshet:default", startSeconds: start)

  private mutating func second(_ events: Double = 0, _ change: (inout ConsoleFacts) -> Void = { _ in }) {
    feed.add(ConsoleSample(atMilliseconds: Int64(feed.sequence) * 1000, events: events))
    var facts = EngineSituation.well.facts
    change(&facts)
    feed.update { facts }
  }

  private func lines(_ json: JSONValue) -> [JSONValue] { if case .array(let lines) = json["lines"] { lines } else { [] } }
  private func rows(_ json: JSONValue) -> [JSONValue] { if case .array(let rows) = json["series"]?["rows"] { rows } else { [] } }

  @Test mutating func aNewReaderGetsEverything() {
    second(3)
    for since in [nil, Self.start - 1, Self.start + 2] {
      let all = feed.json(since: since)
      #expect(all["full"] == true && all["where"] == "a, freshet:default" && all["seq"] == .integer(Self.start + 1))
      #expect(lines(all).count == 12 && rows(all).count == 1)
      #expect(all["activity"] != nil)
    }
  }

  @Test mutating func aReaderWhoIsUpToDateGetsOnlyTheNumber() {
    second()
    #expect(feed.json(since: feed.sequence) == ["seq": .integer(Self.start + 1)])
  }

  @Test mutating func aReaderGetsTheSecondsAndTheLinesThatChangedSince() {
    second()
    let since = feed.sequence
    second()
    #expect(lines(feed.json(since: since)).isEmpty)
    second { $0.stream.eventsPerSecond = 5000 }
    let delta = feed.json(since: since)
    #expect(lines(delta).map { $0["id"] } == ["arrives"])
    #expect(rows(delta).count == 2)
    #expect(delta["activity"] == nil && delta["full"] == nil)
    #expect(lines(feed.json(since: feed.sequence)).isEmpty)
  }

  /// Under one number the lines are read once, so that nobody misses a change.
  @Test mutating func linesChangeOncePerSecond() {
    second()
    feed.update { EngineSituation.stopped.facts }
    #expect(lines(feed.json(since: nil)).first?["level"] == "ok")
  }

  @Test mutating func activityIsSentWhenThereIsMore() {
    second()
    let since = feed.sequence
    feed.activity.add(.init(atMilliseconds: 5, "A snapshot was requested", by: .request("HTTP")))
    second()
    let delta = feed.json(since: since)
    #expect(delta["activity"] == [["at_ms": 5, "text": "A snapshot was requested", "who": "HTTP"]])
  }

  @Test mutating func anIdleSecondTakesFewBytes() {
    second()
    let since = feed.sequence
    second()
    let bytes = feed.json(since: since).bytes.count
    #expect(bytes < 250, "\(bytes) bytes")
  }

  // MARK: History

  @Test func theHistoryIsBounded() {
    var history = ConsoleHistory()
    for second in 0..<200_000 { history.add(ConsoleSample(atMilliseconds: Int64(second) * 1000, events: 2)) }
    #expect(history.samples(from: 0).count == ConsoleHistory.secondsKept)
    #expect(history.samples(from: 0).last?.atMilliseconds == 199_999_000)
    #expect(history.samples(from: 199_998).map(\.atMilliseconds) == [199_998_000, 199_999_000])
    #expect(history.samples(from: 300_000).isEmpty)
    #expect(history.eventsPerSecond == 2 && history.eventsPerSecondHourAgo == 2)
  }

  @Test(arguments: [(0, 400, "rising"), (400, 0, "falling"), (50, 90, "steady"), (10_000, 10_500, "steady")])
  func theTrendComparesTheLastMinuteWithTheOneBefore(before: Int, now: Int, expected: String) {
    var history = ConsoleHistory()
    #expect(history.lagTrend == .unknown)
    for second in 0..<120 {
      var sample = ConsoleSample(atMilliseconds: Int64(second) * 1000)
      sample.lagRecords = second < 60 ? before : now
      history.add(sample)
    }
    #expect(history.lagTrend.rawValue == expected)
  }

  @Test func growthIsPerDayAndNeedsHalfAnHour() throws {
    var history = ConsoleHistory()
    func sample(_ minute: Int) -> ConsoleSample {
      var sample = ConsoleSample(atMilliseconds: Int64(minute) * 60_000)
      sample.redisBytes = 1_000_000 + minute * 1000
      sample.residentBytes = 5_000_000 - minute
      return sample
    }
    for minute in 0..<30 { history.add(sample(minute)) }
    #expect(history.redisBytesPerDay == nil)
    for minute in 30..<120 { history.add(sample(minute)) }
    #expect(try #require(history.redisBytesPerDay).rounded() == 1_440_000)
    #expect(history.residentBytesPerDay == nil)
  }

  @Test func aClockThatIsSetBackDoesNotStopTheMinutes() {
    var history = ConsoleHistory()
    for second in 0..<100 { history.add(ConsoleSample(atMilliseconds: Int64(second) * 1000, events: 1)) }
    history.add(ConsoleSample(atMilliseconds: -10_000_000, events: 1))
    for second in 0..<4000 { history.add(ConsoleSample(atMilliseconds: -9_000_000 + Int64(second) * 1000, events: 3)) }
    #expect(history.eventsPerSecondHourAgo == 3)
  }

  // MARK: Words

  @Test func numbersReadAsPeopleWriteThem() {
    #expect(
      [0.04, 0.4, 1.2, 89, 91, 5300, 5500, 200_000].map(Wording.seconds) == [
        "0.0 s", "0.4 s", "1 s", "89 s", "2 min", "88 min", "2 h", "2 days",
      ])
    #expect([0, 999, 1000, 1_234_567, -4_000].map { Wording.count($0) } == ["0", "999", "1,000", "1,234,567", "-4,000"])
    #expect([512, 1_500, 250_000_000, 3_900_000_000].map { Wording.bytes($0) } == ["512 bytes", "1.5 KB", "250 MB", "3.9 GB"])
    #expect([0, 0.00001, 0.0042, 0.049, 0.5].map(Wording.share) == ["0 %", "0.01 %", "0.42 %", "4.9 %", "50 %"])
    #expect([1.84, 6.4, 31, 1200].map(Wording.milliseconds) == ["1.8 ms", "6.4 ms", "31 ms", "1.2 s"])
    #expect(Wording.fixed(-0.04, 1) == "0.0" && Wording.fixed(-1.26, 1) == "-1.3")
  }
}
