/// Decides which of many similar log lines is written: the first at once, then at most one per interval with the number held back.
///
/// Lines are similar when component and message are equal except for digits (a library's "after 316 ms" varies); fields do not count.
/// A value without a clock: the caller passes the time.
public struct LogRateLimiter: Sendable {
  public enum Decision: Equatable, Sendable {
    case write(repeated: Int)
    case holdBack
  }

  public struct Key: Hashable, Sendable {
    public let component: String
    public let message: String
  }

  /// Lines that were held back, whose interval is over, and that were not repeated since.
  public struct Overdue: Equatable, Sendable {
    public let key: Key
    public let level: LogLevel
    public let repeated: Int
  }

  private struct Entry {
    var level: LogLevel
    var writtenAtNanoseconds: UInt64
    var heldBack: Int
  }

  public let intervalNanoseconds: UInt64
  public let keysMax: Int
  private var entries: [Key: Entry] = [:]
  private var sweptAtNanoseconds: UInt64 = 0

  public init(intervalNanoseconds: UInt64 = 10_000_000_000, keysMax: Int = 1024) {
    precondition(keysMax > 1, "one key is for the overflow, so keysMax must be at least 2, got \(keysMax)")
    self.intervalNanoseconds = intervalNanoseconds
    self.keysMax = keysMax
  }

  public var keys: Int { entries.count }

  public mutating func decide(component: String, message: String, level: LogLevel, nowNanoseconds: UInt64) -> Decision {
    let key = place(Key(component: component, message: Self.pattern(of: message)), nowNanoseconds)
    guard var entry = entries[key] else {
      entries[key] = Entry(level: level, writtenAtNanoseconds: nowNanoseconds, heldBack: 0)
      return .write(repeated: 0)
    }
    guard nowNanoseconds >= entry.writtenAtNanoseconds &+ intervalNanoseconds else {
      entry.heldBack += 1
      entry.level = level
      entries[key] = entry
      return .holdBack
    }
    let repeated = entry.heldBack
    entries[key] = Entry(level: level, writtenAtNanoseconds: nowNanoseconds, heldBack: 0)
    return .write(repeated: repeated)
  }

  /// Returns and resets the counts whose interval is over; with `all` every count, for the end of the process.
  ///
  /// Cheap enough to call for every line: it searches once per interval.
  public mutating func takeOverdue(nowNanoseconds: UInt64, all: Bool = false) -> [Overdue] {
    guard all || nowNanoseconds >= sweptAtNanoseconds &+ intervalNanoseconds else { return [] }
    sweptAtNanoseconds = nowNanoseconds
    var overdue: [Overdue] = []
    for (key, entry) in entries where all || nowNanoseconds >= entry.writtenAtNanoseconds &+ intervalNanoseconds {
      guard entry.heldBack > 0 else {
        entries[key] = nil
        continue
      }
      overdue.append(Overdue(key: key, level: entry.level, repeated: entry.heldBack))
      entries[key] = Entry(level: entry.level, writtenAtNanoseconds: nowNanoseconds, heldBack: 0)
    }
    return overdue.sorted { ($0.key.component, $0.key.message) < ($1.key.component, $1.key.message) }
  }

  /// When the table is full, all further keys share one, so that a flood of distinct messages is limited as well.
  private func place(_ key: Key, _ nowNanoseconds: UInt64) -> Key {
    entries[key] != nil || entries.count < keysMax - 1 ? key : Key(component: "log", message: "(many different messages)")
  }

  /// What repetitions of a message have in common: the message without its numbers, shortened so that the table stays small.
  ///
  /// Secrets are masked before the message is cut: a cut through a URL would remove the `@` by which they are recognised.
  private static func pattern(of message: String) -> String {
    var pattern: [UInt8] = []
    for byte in Redaction.text(message).utf8.prefix(400) {
      if 48...57 ~= byte {
        if pattern.last != 35 { pattern.append(35) }
      } else {
        pattern.append(byte)
      }
    }
    return String(decoding: pattern.prefix(200), as: UTF8.self)
  }
}
