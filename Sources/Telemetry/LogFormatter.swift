/// Turns an entry into one line without its line break; secrets are masked and nothing in the entry can start a second line.
public struct LogFormatter: Sendable {
  public enum Shape: Sendable { case json, text }

  public let shape: Shape
  /// Written into every line, so that lines of several engines can be distinguished.
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
    func append(_ key: String, _ value: LogValue) {
      line += ",\"" + JSONString.escaped(key) + "\":" + Self.json(value)
    }
    append("msg", .string(Redaction.text(entry.message)))
    append("component", .string(entry.component))
    if let instance { append("instance", .string(instance)) }
    for field in entry.fields {
      append(Self.ownKeys.contains(field.key) ? field.key + "_" : field.key, Self.redacted(field.value, name: field.key))
    }
    if entry.repeated > 0 { line += ",\"repeated\":\(entry.repeated)" }
    return line + "}"
  }

  private static func json(_ value: LogValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .integer(let number): String(number)
    case .number(let number): JSONValue.number(number)
    case .string(let text): "\"" + JSONString.escaped(text) + "\""
    }
  }

  /// Numbers under a sensitive name are masked like text.
  private static func redacted(_ value: LogValue, name: String) -> LogValue {
    switch value {
    case .null: .null
    case .string(let text): .string(Redaction.value(text, name: name))
    default: Redaction.isSensitive(name: name) ? .string(Redaction.mask) : value
    }
  }

  // MARK: - Text

  private func text(_ entry: LogEntry) -> String {
    let time = Timestamp.rfc3339(milliseconds: entry.timeMilliseconds)
    let component = JSONString.escaped(entry.component)
    var line = "\(time) \(entry.level.name.uppercased()) \(component): \(Self.printable(Redaction.text(entry.message)))"
    for field in entry.fields {
      line += " \(Self.printable(field.key))=\(Self.text(Self.redacted(field.value, name: field.key)))"
    }
    if let instance { line += " instance=\(Self.quotedIfNeeded(instance))" }
    if entry.repeated > 0 { line += " repeated=\(entry.repeated)" }
    return line
  }

  private static func text(_ value: LogValue) -> String {
    switch value {
    case .null: "-"
    case .string(let text): quotedIfNeeded(text)
    default: json(value)
    }
  }

  private static func quotedIfNeeded(_ value: String) -> String {
    let needsQuotes = value.isEmpty || value.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }
    return needsQuotes ? "\"" + JSONString.escaped(value) + "\"" : printable(value)
  }

  /// Quotes stay readable, but no control character reaches the terminal.
  private static func printable(_ text: String) -> String { JSONString.escaped(text, quotes: false) }
}
