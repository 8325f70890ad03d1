/// What separates the fields of a line.
public struct Delimiter: Equatable, Sendable {
  let bytes: [UInt8]
  /// How messages and `--delimiter` name it.
  public let name: String

  public static let tab = Delimiter([0x09], "tab")
  public static let comma = Delimiter([0x2C], "comma")
  public static let semicolon = Delimiter([0x3B], "semicolon")
  public static let pipe = Delimiter([0x7C], "pipe")
  public static let doubleColon = Delimiter([0x3A, 0x3A], "::")
  static let space = Delimiter([0x20], "space")
  static let unitSeparator = Delimiter([0x1F], "unit separator")
  /// Those that are recognised; the first of several that fit is taken.
  static let sniffed = [tab, doubleColon, semicolon, comma, pipe]

  private init(_ bytes: [UInt8], _ name: String) { (self.bytes, self.name) = (bytes, name) }

  /// A delimiter as it is named on a command line: a name, or up to four characters that stand for themselves.
  public init?(_ text: String) {
    switch text.lowercased() {
    case "tab", "\\t", "\t": self = .tab
    case "space", " ": self = .space
    default:
      if let known = Self.sniffed.first(where: { $0.name == text.lowercased() || $0.bytes == Array(text.utf8) }) {
        self = known
        return
      }
      let bytes = Array(text.utf8)
      guard 1...4 ~= bytes.count, bytes.allSatisfy({ 0x20...0x7E ~= $0 && $0 != 0x22 }),
        !text.contains(where: { $0.isLetter || $0.isNumber })
      else { return nil }
      self.init(bytes, text)
    }
  }
}

/// How fields are written in a file.
struct Dialect: Equatable {
  var delimiter = Delimiter.tab
  /// Whether a field may stand in quotes (RFC 4180: a quote inside is doubled).
  var hasQuotes = false

  /// Finds the delimiter and the use of quotes in the first lines of a file.
  ///
  /// - Parameter suggested: what the file's name suggests; it decides between delimiters that fit equally well.
  static func sniffed(_ lines: [[UInt8]], among delimiters: [Delimiter] = Delimiter.sniffed, suggested: Delimiter? = nil) -> Dialect {
    var best = (dialect: Dialect(delimiter: suggested ?? delimiters[0]), score: -1)
    for delimiter in delimiters {
      let dialect = Dialect(delimiter: delimiter, hasQuotes: usesQuotes(lines, delimiter))
      let score = dialect.score(lines, isSuggested: delimiter == suggested)
      if score > best.score { best = (dialect, score) }
    }
    return best.score < 0 ? Dialect(delimiter: best.dialect.delimiter, hasQuotes: usesQuotes(lines, best.dialect.delimiter)) : best.dialect
  }

  /// Commas and semicolons come with quotes. Elsewhere a quote is a character of a name as often as not, so fields must show that they
  /// are closed.
  static func usesQuotes(_ lines: [[UInt8]], _ delimiter: Delimiter) -> Bool {
    if delimiter == .comma || delimiter == .semicolon { return true }
    let fields = LineFields(Dialect(delimiter: delimiter))
    var (quoted, closed) = (0, 0)
    for line in lines {
      line.withUnsafeBufferPointer {
        _ = fields.split($0)
        for field in fields where field.first == 0x22 {
          quoted += 1
          if field.count > 1, field.last == 0x22 { closed += 1 }
        }
      }
    }
    return quoted > 0 && closed * 100 >= quoted * 99
  }

  /// A rank among dialects; negative for one that does not make columns of the lines.
  private func score(_ lines: [[UInt8]], isSuggested: Bool) -> Int {
    let fields = LineFields(self)
    var counts: [Int: Int] = [:]
    var namesColumns = false
    for (index, line) in lines.enumerated() {
      line.withUnsafeBufferPointer {
        guard fields.split($0) == .whole else { return }
        counts[fields.count, default: 0] += 1
        if index == 0 { namesColumns = ColumnNames.areNames(fields.map { String(decoding: $0, as: UTF8.self) }) }
      }
    }
    guard let mode = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }), mode.key > 1 else { return -1 }
    let share = mode.value * 100 / max(1, lines.count)
    guard share >= 50 else { return -1 }
    // Names of columns tell most, then that all lines agree, then the number of columns, then the file's name. A list in a cell is often
    // joined with pipes.
    return (namesColumns ? 1000 : 0) + (share >= 90 ? 100 : 0) + min(mode.key, delimiter == .pipe ? 2 : 4) * 10 + (isSuggested ? 5 : 0)
  }
}
