import Telemetry

/// What has changed since a reader asked last: numbers the samples, and remembers with which of them each line changed.
///
/// A number is also a time: the first one of a process is its start in seconds since 1970 and one is taken each second, so those of an
/// earlier process lie below and are answered in full.
public struct ConsoleFeed: Sendable {
  public private(set) var history = ConsoleHistory()
  public var activity = ConsoleActivity()
  private let first: Int
  private var lines: [(line: ConsoleLine, changedAt: Int)] = []
  private var updatedAt: Int?
  private var activityCount = 0
  private var activityChangedAt = 0
  /// What identifies the engine, such as its instance and its namespace.
  private let place: String

  public init(place: String, startSeconds: Int) {
    self.place = place
    first = startSeconds
  }

  /// The number of the newest sample.
  public var sequence: Int { first + history.count }

  public mutating func add(_ sample: ConsoleSample) { history.add(sample) }

  /// Takes the lines as they are now, once per sample: a second change under the same number would reach nobody who has that number.
  public mutating func update(_ facts: () -> ConsoleFacts) {
    guard updatedAt != sequence else { return }
    updatedAt = sequence
    let now = ConsoleReport(facts()).lines
    if lines.isEmpty {
      lines = now.map { ($0, sequence) }
    } else {
      for (index, line) in now.enumerated() where lines[index].line != line { lines[index] = (line, sequence) }
    }
    if activity.count != activityCount {
      activityCount = activity.count
      activityChangedAt = sequence
    }
  }

  /// What a reader who has `since` lacks; everything for one who has nothing, or something that this process did not say.
  public func json(since: Int?) -> JSONValue {
    let known = since.flatMap { (first...sequence).contains($0) ? $0 : nil }
    var object: JSONValue = ["seq": .integer(sequence)]
    if known == nil {
      object["full"] = true
      object["where"] = .string(place)
    }
    let changed = lines.filter { known == nil || $0.changedAt > known! }
    if !changed.isEmpty { object["lines"] = .array(changed.map(\.line.json)) }
    if known.map({ $0 < sequence }) ?? true { object["series"] = history.json(from: known.map { $0 - first } ?? 0) }
    if known == nil || activityChangedAt > known! { object["activity"] = .array(activity.newest.map(\.json)) }
    return object
  }
}
