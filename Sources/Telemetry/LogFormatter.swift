/// How log lines look: JSON objects for machines, plain text for eyes.
public enum LogFormat: String, CaseIterable, Sendable {
  /// Text if the output is a terminal, JSON otherwise.
  case auto
  case json, text
}

extension LogLevel {
  /// The word in log lines and in the configuration.
  public var name: String {
    switch self {
    case .error: "error"
    case .warning: "warning"
    case .info: "info"
    case .debug: "debug"
    }
  }

  public init?(name: String) {
    guard let level = LogLevel.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }
}

/// One event worth a line, before it has a shape.
public struct LogEntry: Sendable {
  /// Milliseconds since 1970.
  public var timeMilliseconds: Int64
  public var level: LogLevel
  public var component: String
  public var message: String
  public var fields: [(key: String, value: String)]
  /// How many equal lines were held back since the last one that was written.
  public var repeated: Int

  public init(
    timeMilliseconds: Int64, level: LogLevel, component: String, message: String, fields: [(key: String, value: String)] = [],
    repeated: Int = 0
  ) {
    self.timeMilliseconds = timeMilliseconds
    self.level = level
    self.component = component
    self.message = message
    self.fields = fields
    self.repeated = repeated
  }
}

/// Turns an entry into one line without its line break; secrets are masked and nothing in the entry can start a second line.
public struct LogFormatter: Sendable {
  public enum Shape: Sendable { case json, text }

  public let shape: Shape
  /// Written into every line, so that the lines of several engines can be told apart.
  public let instance: String?

  public init(shape: Shape, instance: String? = nil) {
    self.shape = shape
    self.instance = instance
  }

  public func line(_ entry: LogEntry) -> String {
    switch shape {
    case .json: json(entry)
    case .text: text(entry)
    }
  }

  // MARK: - JSON

  private static let ownKeys: Set<String> = ["ts", "level", "msg", "component", "instance", "repeated"]

  private func json(_ entry: LogEntry) -> String {
    var line = "{\"ts\":\"\(Timestamp.rfc3339(milliseconds: entry.timeMilliseconds))\",\"level\":\"\(entry.level.name)\""
    func append(_ key: String, _ value: String) {
      line += ",\"" + JSONEscaping.escaped(key) + "\":\"" + JSONEscaping.escaped(value) + "\""
    }
    append("msg", Redaction.text(entry.message))
    append("component", entry.component)
    if let instance { append("instance", instance) }
    for field in entry.fields {
      append(Self.ownKeys.contains(field.key) ? field.key + "_" : field.key, Redaction.value(field.value, name: field.key))
    }
    if entry.repeated > 0 { line += ",\"repeated\":\(entry.repeated)" }
    return line + "}"
  }

  // MARK: - Text

  private func text(_ entry: LogEntry) -> String {
    let time = Timestamp.rfc3339(milliseconds: entry.timeMilliseconds)
    let component = JSONEscaping.escaped(entry.component)
    var line = "\(time) \(entry.level.name.uppercased()) \(component): \(Self.printable(Redaction.text(entry.message)))"
    for field in entry.fields {
      line += " \(Self.printable(field.key))=\(Self.quotedIfNeeded(Redaction.value(field.value, name: field.key)))"
    }
    if let instance { line += " instance=\(Self.quotedIfNeeded(instance))" }
    if entry.repeated > 0 { line += " repeated=\(entry.repeated)" }
    return line
  }

  private static func quotedIfNeeded(_ value: String) -> String {
    let needsQuotes = value.isEmpty || value.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }
    return needsQuotes ? "\"" + JSONEscaping.escaped(value) + "\"" : printable(value)
  }

  /// Quotes stay readable, but no control character reaches the terminal.
  private static func printable(_ text: String) -> String { JSONEscaping.escaped(text, quotes: false) }
}

enum JSONEscaping {
  /// The inside of a JSON string; control characters (also U+0080 to U+009F and the Unicode line breaks) become escapes.
  static func escaped(_ text: String, quotes: Bool = true) -> String {
    var output = ""
    output.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"" where quotes, "\\" where quotes:
        output += "\\"
        output.unicodeScalars.append(scalar)
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}

/// Writes times of day without a calendar library.
public enum Timestamp {
  /// `2026-01-31T23:59:59.123Z`.
  public static func rfc3339(milliseconds: Int64) -> String {
    let (days, inDay) = floorDivide(milliseconds, 86_400_000)
    let date = civilDate(daysSince1970: days)
    let seconds = inDay / 1000
    return "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))"
      + "T\(pad(seconds / 3600, 2)):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2)).\(pad(inDay % 1000, 3))Z"
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  /// The proleptic Gregorian date, by eras of 400 years that begin on the first of March (Howard Hinnant's algorithm).
  private static func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(daysSince1970 + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }

  private static func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
