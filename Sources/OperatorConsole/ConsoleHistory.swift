import Telemetry

/// The samples of the last 15 minutes, and one per minute of the last day: 0.2 MB, however long the process lives.
public struct ConsoleHistory: Sendable {
  public static let secondsKept = 900
  public static let minutesKept = 1440

  public enum Trend: String, Sendable {
    case rising, falling, steady, unknown
  }

  private var seconds = Ring<ConsoleSample>(capacity: secondsKept)
  private var minutes = Ring<ConsoleSample>(capacity: minutesKept)
  private var events = (sum: 0.0, samples: 0)

  public init() {}

  /// The number of samples taken so far.
  public var count: Int { seconds.count }

  public mutating func add(_ sample: ConsoleSample) {
    seconds.append(sample)
    events = (events.sum + sample.events, events.samples + 1)
    if let last = minutes.last, sample.atMilliseconds - last.atMilliseconds < 60_000, sample.atMilliseconds >= last.atMilliseconds {
      return
    }
    var minute = sample
    minute.events = events.sum / Double(events.samples)
    minutes.append(minute)
    events = (0, 0)
  }

  /// The samples from number `first` on, counted from the start; those that are no longer kept are left out.
  public func samples(from first: Int) -> [ConsoleSample] { seconds.elements(from: first) }

  // MARK: Figures

  /// Events a second over the last ten seconds; `nil` before there are as many.
  public var eventsPerSecond: Double? {
    let newest = seconds.elements(from: seconds.count - 10)
    return newest.count < 10 ? nil : newest.reduce(0) { $0 + $1.events } / Double(newest.count)
  }

  /// Events a second in the minute that was an hour ago.
  public var eventsPerSecondHourAgo: Double? {
    guard let now = minutes.last?.atMilliseconds else { return nil }
    return minutes.all.last { now - $0.atMilliseconds >= 3_600_000 }?.events
  }

  public var mostMilliseconds: Double? { seconds.all.compactMap(\.mostMilliseconds).max() }

  /// Compares the last minute with the minute before. Less than a tenth or than 100 records is no trend.
  public var lagTrend: Trend {
    let known = seconds.elements(from: seconds.count - 120).compactMap(\.lagRecords)
    guard known.count >= 20 else { return .unknown }
    let half = known.count / 2
    let before = known[..<half].reduce(0, +) / half
    let now = known[half...].reduce(0, +) / (known.count - half)
    let least = max(100, before / 10)
    return now - before > least ? .rising : before - now > least ? .falling : .steady
  }

  public var residentBytesPerDay: Double? { growth(\.residentBytes) }
  public var redisBytesPerDay: Double? { growth(\.redisBytes) }

  /// The growth per day by the mean of the oldest and of the newest quarter; `nil` if there is less than half an hour, or no growth.
  private func growth(_ value: KeyPath<ConsoleSample, Int?>) -> Double? {
    let known = minutes.all.compactMap { sample in sample[keyPath: value].map { (Double(sample.atMilliseconds), Double($0)) } }
    guard let first = known.first, let last = known.last, last.0 - first.0 >= 1_800_000 else { return nil }
    func mean(_ part: ArraySlice<(Double, Double)>) -> (time: Double, value: Double) {
      (part.reduce(0) { $0 + $1.0 } / Double(part.count), part.reduce(0) { $0 + $1.1 } / Double(part.count))
    }
    let quarter = max(1, known.count / 4)
    let (old, new) = (mean(known.prefix(quarter)), mean(known.suffix(quarter)))
    let growth = (new.value - old.value) / (new.time - old.time) * 86_400_000
    return growth > 0 ? growth : nil
  }

  // MARK: JSON

  static let columns: [(name: String, value: @Sendable (ConsoleSample) -> JSONValue)] = [
    ("at_ms", { .integer(Int($0.atMilliseconds)) }),
    ("lag_seconds", { number($0.lagSeconds) }), ("lag_records", { $0.lagRecords.map { .integer($0) } ?? .null }),
    ("p50_ms", { number($0.halfMilliseconds) }), ("p99_ms", { number($0.mostMilliseconds) }),
    ("events_per_second", { number($0.events) }),
  ]

  private static func number(_ value: Double?) -> JSONValue { value.map { .number(($0 * 100).rounded() / 100) } ?? .null }

  /// The samples from number `first` on, as columns and rows.
  public func json(from first: Int) -> JSONValue {
    let rows = samples(from: first).map { sample in JSONValue.array(Self.columns.map { $0.value(sample) }) }
    return ["columns": .array(Self.columns.map { .string($0.name) }), "rows": .array(rows)]
  }
}
