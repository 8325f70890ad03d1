import Synchronization
import Telemetry

/// Who changed what: the last 200 changes in memory, and every one in the log.
public final class AuditLog: Sendable {
  public struct Entry: Sendable, Equatable {
    /// Milliseconds since 1970.
    public let time: Int64
    /// The name of a token or an address, never a token.
    public let who: String
    /// What was done to what, such as `rule.put r-7`.
    public let what: String
    public let before: JSONValue
    public let after: JSONValue

    public var json: JSONValue {
      [
        "time": .string(Timestamp.rfc3339(milliseconds: time)), "who": .string(who), "what": .string(what), "before": before,
        "after": after,
      ]
    }
  }

  public static let countMax = 200
  /// Values with longer texts are replaced by their beginning.
  static let valueBytesMax = 4096
  private static let whatCharactersMax = 300

  private let entries = Mutex<[Entry]>([])
  private let log: Log
  private let now: @Sendable () -> Int64
  private let observe: @Sendable (Entry) -> Void

  /// - Parameters:
  ///   - now: milliseconds since 1970.
  ///   - observe: called with every entry; must not block.
  public init(
    log: Log, now: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }, observe: @escaping @Sendable (Entry) -> Void = { _ in }
  ) {
    self.observe = observe
    self.log = log.scoped("audit")
    self.now = now
  }

  /// - Parameters:
  ///   - before: what was there; null if it is new.
  ///   - after: what is there now; null if it is gone.
  public func record(_ caller: Caller, _ what: String, before: JSONValue = .null, after: JSONValue = .null) {
    let entry = Entry(
      time: now(), who: caller.label, what: Redaction.text(String(what.prefix(Self.whatCharactersMax))), before: Self.bounded(before),
      after: Self.bounded(after))
    entries.withLock { entries in
      if entries.count == Self.countMax { entries.removeFirst() }
      entries.append(entry)
    }
    log.info(
      "\(entry.who): \(entry.what)", ["who": entry.who, "what": entry.what, "before": entry.before.text, "after": entry.after.text],
      repetition: .always)
    observe(entry)
  }

  /// The newest entries first.
  public func recent(_ count: Int = countMax) -> [Entry] {
    entries.withLock { Array($0.suffix(max(0, count)).reversed()) }
  }

  private static func bounded(_ value: JSONValue) -> JSONValue {
    let bytes = value.bytes
    guard bytes.count > valueBytesMax else { return value }
    return .string(String(decoding: bytes.prefix(valueBytesMax), as: UTF8.self) + "...")
  }
}
