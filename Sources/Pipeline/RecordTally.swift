import StreamingRecommender
import Telemetry

/// Counts the records that changed nothing, or whose key is not the user of their event, by reason, with one example each.
///
/// A wrong producer looks like a healthy stream unless somebody sees these counts. A value without a clock: the caller passes the time.
public struct RecordTally: Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    case rejected, ignored
    case keyMismatch = "key_mismatch"
  }

  struct Key: Hashable, Sendable {
    let kind: Kind
    let reason: String
  }

  /// The newest example that was described.
  public struct Example: Sendable, Equatable {
    public var source: TopicPartition
    public var offset: Int64
    /// What is wrong with it, with secrets masked, at most `messageCharactersMax` characters.
    public var message: String
  }

  public struct Count: Sendable, Equatable {
    public var kind: Kind
    public var reason: String
    public var total: Int
    public var recent: Int
    public var example: Example?
  }

  /// A line for the log: the first record of a kind at once, then one line per `lineEvery` with the number since the last one.
  struct Line: Sendable, Equatable {
    let kind: Kind
    let reason: String
    let count: Int
    let example: Example
  }

  private struct Entry: Sendable {
    var counter = RecentCounter()
    var example: Example?
    var lineAt: UInt64?
    var sinceLine = 0
  }

  static let messageCharactersMax = 300
  static let lineEvery = Duration.seconds(60)

  private var entries: [Key: Entry] = [:]
  private var records = RecentCounter()

  init() {}

  /// Takes the counts of one batch; returns what is to be logged.
  mutating func note(_ update: EngineUpdate, now: UInt64, typeName: (Record) -> String?) -> [Line] {
    records.add(update.consumed, now: now)
    for counts in update.topics.values {
      for (reason, count) in counts.rejected { add(count, .rejected, reason.rawValue, now) }
      for (reason, count) in counts.ignored { add(count, .ignored, reason.rawValue, now) }
    }
    if update.keyMismatches > 0 { add(update.keyMismatches, .keyMismatch, Kind.keyMismatch.rawValue, now) }
    guard !update.deadLetters.isEmpty || !update.examples.isEmpty else { return [] }
    var lines: [Line] = []
    for letter in update.deadLetters {
      show(.rejected, letter.reason, letter.source, letter.record.offset, now, &lines) { letter.message }
    }
    for example in update.examples {
      let (source, record) = (example.source, example.record)
      switch example.kind {
      case .ignored(let reason):
        show(.ignored, reason.rawValue, source, record.offset, now, &lines) { Self.sentence(reason, typeName(record)) }
      case .keyMismatch:
        show(.keyMismatch, Kind.keyMismatch.rawValue, source, record.offset, now, &lines) { Self.sentence(ofKey: record.key ?? []) }
      }
    }
    return lines
  }

  private mutating func add(_ count: Int, _ kind: Kind, _ reason: String, _ now: UInt64) {
    let key = Key(kind: kind, reason: reason)
    entries[key, default: Entry()].counter.add(count, now: now)
    entries[key]?.sinceLine += count
  }

  /// Describes a record only when a line is due: an example per minute is enough, and a description costs more than the decoding.
  private mutating func show(
    _ kind: Kind, _ reason: String, _ source: TopicPartition, _ offset: Int64, _ now: UInt64, _ lines: inout [Line],
    _ message: () -> String
  ) {
    let key = Key(kind: kind, reason: reason)
    guard var entry = entries[key], entry.lineAt.map({ now - min(now, $0) >= Self.lineEvery.nanoseconds }) ?? true else { return }
    let example = Example(
      source: source, offset: offset, message: String(Redaction.text(message()).prefix(Self.messageCharactersMax)))
    lines.append(Line(kind: kind, reason: reason, count: entry.sinceLine, example: example))
    entry.example = example
    entry.lineAt = now
    entry.sinceLine = 0
    entries[key] = entry
  }

  // MARK: Sentences

  private static func sentence(_ reason: IgnoreReason, _ type: String?) -> String {
    switch reason {
    case .unknownType:
      "its event type \(type.map { "\"\($0.prefix(64))\"" } ?? "") has no weight: add it to input.weights, or set input.unknown_type=apply"
    case .stale: "it is older than a set, a delete or a newer event of the same user and item"
    case .duplicate: "an event with this event_id was applied already"
    case .alreadyApplied: "its offset was applied already"
    case .ignoreRule: "it is no interaction by input.ignore, input.types, input.ops or the preset"
    }
  }

  /// The form of the key, not the key: ids of users stay out of the log.
  private static func sentence(ofKey key: [UInt8]) -> String {
    let form =
      switch key.first {
      case UInt8(ascii: "\""): "a JSON text in quotes"
      case UInt8(ascii: "{"): "a JSON object"
      case 0: "binary, perhaps with a schema"
      default: "\(key.count) bytes long"
      }
    return "its key (\(form)) is not the user of its event: the producer must send the user's id as key, or the user's events are "
      + "spread over partitions and not kept in order"
  }

  // MARK: Reading

  func summary(now: UInt64) -> RecordSummary {
    RecordSummary(
      total: records.total, recent: records.recent(now: now),
      counts: entries.map { key, entry in
        Count(
          kind: key.kind, reason: key.reason, total: entry.counter.total, recent: entry.counter.recent(now: now), example: entry.example)
      }.sorted { ($0.kind.rawValue, $0.reason) < ($1.kind.rawValue, $1.reason) })
  }
}

/// What a `RecordTally` has counted since the start and in the last `minutes`.
public struct RecordSummary: Sendable, Equatable {
  public static let minutes = 5
  public var total = 0
  public var recent = 0
  public var counts: [RecordTally.Count] = []
  public init(total: Int = 0, recent: Int = 0, counts: [RecordTally.Count] = []) {
    self.total = total
    self.recent = recent
    self.counts = counts
  }

  public func total(_ kind: RecordTally.Kind) -> Int { counts.reduce(0) { $0 + ($1.kind == kind ? $1.total : 0) } }
  public func recent(_ kind: RecordTally.Kind) -> Int { counts.reduce(0) { $0 + ($1.kind == kind ? $1.recent : 0) } }
}

/// A count in all and in the last five minutes, in slices of 30 s.
struct RecentCounter: Sendable {
  private(set) var total = 0
  private var slices = [Int](repeating: 0, count: RecordSummary.minutes * 2)
  private var newest: UInt64 = 0
  private static let sliceNanoseconds: UInt64 = 30_000_000_000

  mutating func add(_ count: Int, now: UInt64) {
    guard count > 0 else { return }
    total += count
    let slice = now / Self.sliceNanoseconds
    // What lies between is empty; after a long pause everything is.
    if slice > newest {
      for index in 0..<min(slice - newest, UInt64(slices.count)) { slices[Int((slice - index) % UInt64(slices.count))] = 0 }
      newest = slice
    }
    slices[Int(newest % UInt64(slices.count))] += count
  }

  func recent(now: UInt64) -> Int {
    let count = UInt64(slices.count)
    let slice = max(newest, now / Self.sliceNanoseconds)
    var sum = 0
    for age in 0..<min(count, slice + 1) where slice - age <= newest && newest - (slice - age) < count {
      sum += slices[Int((slice - age) % count)]
    }
    return sum
  }
}
