import Synchronization
import Telemetry
import Testing

@Suite struct LogFormatterTests {
  private static let entry = LogEntry(
    timeMilliseconds: 1_769_903_999_123, level: .warning, component: "kafka", message: "broker is away",
    fields: [("broker", "localhost:9092"), ("note", "two words")], repeated: 3)

  @Test func jsonLineHoldsAllParts() {
    let line = LogFormatter(shape: .json, instance: "a-1").line(Self.entry)
    #expect(
      line == #"{"ts":"2026-01-31T23:59:59.123Z","level":"warning","msg":"broker is away","component":"kafka","instance":"a-1","#
        + #""broker":"localhost:9092","note":"two words","repeated":3}"#)
  }

  @Test func textLineHoldsAllParts() {
    let line = LogFormatter(shape: .text, instance: "a-1").line(Self.entry)
    #expect(
      line == #"2026-01-31T23:59:59.123Z WARNING kafka: broker is away broker=localhost:9092 note="two words" instance=a-1 repeated=3"#)
  }

  @Test(arguments: [LogFormatter.Shape.json, .text])
  func nothingInAnEntryStartsASecondLine(shape: LogFormatter.Shape) {
    let nasty = "a\nb\r\u{1B}[31m\u{85}\u{2028}\u{0}"
    let line = LogFormatter(shape: shape).line(
      LogEntry(timeMilliseconds: 0, level: .error, component: nasty, message: nasty, fields: [(nasty, .string(nasty))]))
    #expect(line.unicodeScalars.allSatisfy { !$0.properties.isWhitespace || $0 == " " })
    #expect(!line.unicodeScalars.contains("\u{1B}"))
  }

  @Test(arguments: [LogFormatter.Shape.json, .text])
  func secretsAreMaskedInMessageAndFields(shape: LogFormatter.Shape) {
    let line = LogFormatter(shape: shape).line(
      LogEntry(
        timeMilliseconds: 0, level: .error, component: "redis", message: "cannot reach redis://:CANARY@h",
        fields: [("password", "CANARY"), ("url", "redis://u:CANARY@h")]))
    #expect(!line.contains("CANARY"))
  }

  private static let typed: [(key: String, value: LogValue)] = [
    ("partition", 3), ("seconds", 0.5), ("whole", 2.0), ("warm", true), ("epoch", nil), ("text", "12"), ("odd", .number(.nan)),
  ]

  @Test func numbersAreNumbersAndNothingIsNullInJSON() {
    let line = LogFormatter(shape: .json).line(
      LogEntry(timeMilliseconds: 0, level: .info, component: "c", message: "m", fields: Self.typed))
    #expect(line.hasSuffix(#","partition":3,"seconds":0.5,"whole":2,"warm":true,"epoch":null,"text":"12","odd":null}"#), "\(line)")
  }

  @Test func textStaysReadableWhateverTheType() {
    let line = LogFormatter(shape: .text).line(
      LogEntry(timeMilliseconds: 0, level: .info, component: "c", message: "m", fields: Self.typed))
    #expect(line.hasSuffix("c: m partition=3 seconds=0.5 whole=2 warm=true epoch=- text=12 odd=null"), "\(line)")
  }

  @Test func aSecretNumberIsMaskedToo() {
    let line = LogFormatter(shape: .json).line(
      LogEntry(timeMilliseconds: 0, level: .info, component: "c", message: "m", fields: [("token", 4711), ("password", nil)]))
    #expect(line.hasSuffix(#""token":"***","password":null}"#), "\(line)")
  }

  @Test func fieldsCannotReplaceTheLinesOwnKeys() {
    let line = LogFormatter(shape: .json).line(
      LogEntry(timeMilliseconds: 0, level: .info, component: "c", message: "m", fields: [("level", "x")]))
    #expect(line.hasSuffix(#""level_":"x"}"#))
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    (1_709_208_000_500, "2024-02-29T12:00:00.500Z"), (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
  ])
  func timestampsFollowTheCalendar(milliseconds: Int64, expected: String) {
    #expect(Timestamp.rfc3339(milliseconds: milliseconds) == expected)
  }

  @Test func levelNamesReadBack() {
    for level in LogLevel.allCases { #expect(LogLevel(name: level.name) == level) }
    #expect(LogLevel(name: "loud") == nil)
  }
}

@Suite struct LogRateLimiterTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func firstLineIsWrittenAndRepeatsWaitTenSeconds() {
    var limiter = LogRateLimiter()
    var decisions: [LogRateLimiter.Decision] = []
    for time in [0, 1, 9, 10, 11, 25] as [UInt64] {
      decisions.append(limiter.decide(component: "c", message: "m", level: .error, nowNanoseconds: time * Self.second))
    }
    #expect(
      decisions == [.write(repeated: 0), .holdBack, .holdBack, .write(repeated: 2), .holdBack, .write(repeated: 1)])
  }

  @Test func differentMessagesAndComponentsDoNotHoldEachOtherBack() {
    var limiter = LogRateLimiter()
    for (component, message) in [("a", "m"), ("b", "m"), ("a", "n")] {
      #expect(limiter.decide(component: component, message: message, level: .info, nowNanoseconds: 0) == .write(repeated: 0))
    }
  }

  @Test func countsOfSilentMessagesComeOutWhenOverdue() {
    var limiter = LogRateLimiter()
    for _ in 0..<3 { _ = limiter.decide(component: "c", message: "m", level: .error, nowNanoseconds: 0) }
    #expect(limiter.takeOverdue(nowNanoseconds: 9 * Self.second).isEmpty)
    #expect(limiter.takeOverdue(nowNanoseconds: 10 * Self.second).map(\.repeated) == [2])
    #expect(limiter.decide(component: "c", message: "m", level: .error, nowNanoseconds: 11 * Self.second) == .holdBack)
    #expect(limiter.takeOverdue(nowNanoseconds: 11 * Self.second, all: true).map(\.repeated) == [1])
    #expect(limiter.keys == 1)
    #expect(limiter.takeOverdue(nowNanoseconds: 30 * Self.second).isEmpty)
    #expect(limiter.keys == 0)
  }

  @Test func floodOfNewMessagesIsLimitedToo() {
    var limiter = LogRateLimiter(keysMax: 8)
    let written = (0..<100).filter {
      limiter.decide(component: "c", message: "message " + String(repeating: "x", count: $0), level: .error, nowNanoseconds: 0) != .holdBack
    }
    #expect(written.count == 8)
    #expect(limiter.keys == 8)
  }

  @Test func cutMessagesDoNotGiveSecretsAway() {
    var limiter = LogRateLimiter()
    let message = String(repeating: "x", count: 180) + " redis://user:CANARY" + String(repeating: "y", count: 100) + "@host"
    for _ in 0..<2 { _ = limiter.decide(component: "c", message: message, level: .error, nowNanoseconds: 0) }
    let overdue = limiter.takeOverdue(nowNanoseconds: 0, all: true)
    #expect(overdue.count == 1)
    #expect(overdue.allSatisfy { !$0.key.message.contains("CANARY") })
  }
}

@Suite struct StandardErrorSinkTests {
  private final class Lines: Sendable {
    let lines = Mutex<[String]>([])
    let now = Atomic<UInt64>(0)
    var all: [String] { lines.withLock { $0 } }
  }

  private static func makeSink(_ lines: Lines, minimumLevel: LogLevel = .info) -> StandardErrorSink {
    StandardErrorSink(
      formatter: LogFormatter(shape: .text), minimumLevel: minimumLevel,
      output: { line in lines.lines.withLock { $0.append(line) } },
      monotonicNanoseconds: { lines.now.load(ordering: .relaxed) }, wallMilliseconds: { 0 })
  }

  @Test func levelCanBeChangedWhileItRuns() {
    let lines = Lines()
    let sink = Self.makeSink(lines)
    let log = Log(component: "c", sink: sink, level: .debug)
    log.debug("one")
    sink.minimumLevel = .debug
    log.debug("two")
    sink.minimumLevel = .error
    log.warning("three")
    #expect(lines.all == ["1970-01-01T00:00:00.000Z DEBUG c: two"])
  }

  @Test func valuesOfEveryKindAreFieldsAsTheyAre() {
    let lines = Lines()
    let log = Log(component: "c", sink: Self.makeSink(lines))
    let epoch: UInt32? = 7
    let missing: Double? = nil
    log.info("m", ["topic": "events", "offset": Int64(5), "epoch": epoch, "quality": missing])
    #expect(lines.all == ["1970-01-01T00:00:00.000Z INFO c: m topic=events offset=5 epoch=7 quality=-"])
  }

  /// Two retrains within ten seconds are two outcomes, although their lines differ in digits only.
  @Test func aLineThatReportsAnOutcomeIsNeverHeldBack() {
    let lines = Lines()
    let log = Log(component: "c", sink: Self.makeSink(lines))
    for job in 1...3 { log.info("a retrain ended", ["job": job], repetition: .always) }
    log.info("a retrain ended", ["job": 4])
    log.info("a retrain ended", ["job": 5])
    #expect(lines.all.map { $0.suffix(5) } == ["job=1", "job=2", "job=3", "job=4"])
  }

  @Test func repeatsAreCountedAndFlushed() {
    let lines = Lines()
    let sink = Self.makeSink(lines)
    let log = Log(component: "c", sink: sink)
    for round in 0..<5 { log.error("again", ["round": "\(round)"]) }
    lines.now.store(10_000_000_000, ordering: .relaxed)
    log.error("again", ["round": "5"])
    log.error("again", ["round": "6"])
    sink.flush()
    sink.flush()
    #expect(
      lines.all == [
        "1970-01-01T00:00:00.000Z ERROR c: again round=0", "1970-01-01T00:00:00.000Z ERROR c: again round=5 repeated=4",
        "1970-01-01T00:00:00.000Z ERROR c: again repeated=1",
      ])
  }
}
