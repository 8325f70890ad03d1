import Telemetry

/// The newest things that happened to an engine or that somebody did, in bounded memory.
public struct ConsoleActivity: Sendable {
  public struct Entry: Sendable, Equatable {
    public var atMilliseconds: Int64
    public var text: String
    public var who: Actor
    public init(atMilliseconds: Int64, _ text: String, by who: Actor) {
      self.atMilliseconds = atMilliseconds
      self.text = text
      self.who = who
    }

    public var json: JSONValue {
      ["at_ms": .integer(Int(atMilliseconds)), "text": .string(Redaction.text(text)), "who": .string(who.text)]
    }
  }

  public enum Actor: Sendable, Equatable {
    case engine
    /// A person or a program, with the way in which it asked, such as "over HTTP".
    case request(String)

    public var text: String {
      switch self {
      case .engine: "by itself"
      case .request(let way): way
      }
    }
  }

  public static let entriesMax = 200
  /// The longest text that is kept.
  private static let charactersMax = 400
  private var entries = Ring<Entry>(capacity: entriesMax)

  public init() {}

  /// The number of entries so far.
  public var count: Int { entries.count }

  public mutating func add(_ entry: Entry) {
    var entry = entry
    entry.text = String(entry.text.prefix(Self.charactersMax))
    entries.append(entry)
  }

  /// Newest first.
  public var newest: [Entry] { entries.all.reversed() }
}
