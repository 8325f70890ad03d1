/// A place in a record's JSON: the steps from the outside in.
struct InputPath: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    /// A field. Names match whatever their case, underscores and hyphens are, unless the path quotes them.
    case name(String, isExact: Bool)
    case index(Int)
    /// One event for each element.
    case each
    /// A text that holds JSON is opened; a value that is JSON already is taken as it is.
    case json
    /// A text in base64 that holds JSON.
    case base64
  }

  var steps: [Step] = []

  /// The number of `[]` in the path.
  var levels: Int { steps.count { $0 == .each } }
}

/// Where one of our fields stands: a candidate of `input.fields`.
enum InputSource: Hashable, Sendable {
  case value(InputPath)
  /// The record's key, or a place in the JSON that it holds.
  case key(InputPath)
  case header(String, InputPath)
  /// The time that the log keeps with the record.
  case recordTime
  case constant(String)
}

/// Why the text of a source or rule cannot be used.
struct InputSyntaxFault: Error, Equatable {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

extension InputSource {
  /// Parses candidates that are separated by `|`.
  static func candidates(_ text: String) throws(InputSyntaxFault) -> [InputSource] {
    var sources: [InputSource] = []
    for part in InputText.split(text, at: "|") { sources.append(try InputSource(InputText.trimmed(part))) }
    return sources
  }

  init(_ text: Substring) throws(InputSyntaxFault) {
    if text.isEmpty { throw InputSyntaxFault("a candidate is empty; write a path, =CONSTANT, @key, @header.NAME or @time") }
    if text.first == "=" {
      self = .constant(String(text.dropFirst()))
    } else if text.first == "@" {
      self = try Self.special(text.dropFirst())
    } else {
      self = .value(try InputPath(text))
    }
  }

  private static func special(_ text: Substring) throws(InputSyntaxFault) -> InputSource {
    if text == "time" { return .recordTime }
    let (name, rest) = InputText.cut(text, before: ":")
    let path = rest.isEmpty ? InputPath() : try InputPath(rest)
    if name == "key" { return .key(path) }
    guard name.hasPrefix("header."), name.count > "header.".count else {
      throw InputSyntaxFault("@\(text) is unknown; there are @key, @header.NAME and @time")
    }
    return .header(String(name.dropFirst("header.".count)), path)
  }
}

extension InputPath {
  static let levelsMax = 2
  static let stepsMax = 16

  init(_ text: Substring) throws(InputSyntaxFault) {
    var rest = text
    if rest.hasPrefix("$.") { rest = rest.dropFirst(2) } else if rest.hasPrefix("$[") { rest = rest.dropFirst(1) }
    var needsName = true
    while let character = rest.first {
      if character == "[" {
        steps.append(try Self.bracket(&rest))
        needsName = false
      } else if character == ":" {
        steps.append(try Self.opening(&rest))
        needsName = false
      } else if character == "." {
        rest.removeFirst()
        if needsName { throw InputSyntaxFault("\"\(text)\" has a dot without a name before it") }
        needsName = true
        if rest.isEmpty { throw InputSyntaxFault("\"\(text)\" ends with a dot") }
      } else {
        guard needsName else { throw InputSyntaxFault("\"\(text)\" needs a dot before \"\(rest)\"") }
        steps.append(try Self.name(&rest, of: text))
        needsName = false
      }
    }
    if steps.isEmpty { throw InputSyntaxFault("a path is empty") }
    if steps.count > Self.stepsMax { throw InputSyntaxFault("\"\(text)\" has more than \(Self.stepsMax) steps") }
    if levels > Self.levelsMax { throw InputSyntaxFault("\"\(text)\" has more than \(Self.levelsMax) []") }
  }

  private static func bracket(_ rest: inout Substring) throws(InputSyntaxFault) -> Step {
    guard let close = rest.firstIndex(of: "]") else { throw InputSyntaxFault("a [ is not closed") }
    let inside = rest[rest.index(after: rest.startIndex)..<close]
    rest = rest[rest.index(after: close)...]
    if inside.isEmpty || inside == "*" { return .each }
    guard let index = Int(inside), 0...100_000 ~= index else {
      throw InputSyntaxFault("[\(inside)] is neither [] nor the number of an element")
    }
    return .index(index)
  }

  private static func opening(_ rest: inout Substring) throws(InputSyntaxFault) -> Step {
    let word = rest.dropFirst().prefix { $0.isLetter || $0.isNumber }
    rest = rest.dropFirst(1 + word.count)
    switch word {
    case "json": return .json
    case "base64": return .base64
    default: throw InputSyntaxFault(":\(word) is unknown; there are :json and :base64 (quote a name that contains a colon)")
    }
  }

  private static func name(_ rest: inout Substring, of text: Substring) throws(InputSyntaxFault) -> Step {
    if let quote = rest.first, quote == "'" || quote == "\"" {
      let inside = rest.dropFirst()
      guard let close = inside.firstIndex(of: quote) else { throw InputSyntaxFault("a quote is not closed in \"\(text)\"") }
      rest = inside[inside.index(after: close)...]
      return .name(String(inside[..<close]), isExact: true)
    }
    let name = rest.prefix { $0 != "." && $0 != "[" && $0 != ":" }
    rest = rest.dropFirst(name.count)
    return .name(String(name), isExact: false)
  }
}

/// A rule of `input.ignore`: records in which a field has, or does not have, one of these values are no interactions.
struct IgnoreRule: Hashable, Sendable {
  var source: InputSource
  var values: [String]
  /// Whether all values but these are ignored. An absent field matches no rule.
  var isNegated: Bool

  init(_ text: String) throws(InputSyntaxFault) {
    let sign = text.contains("!=") ? "!=" : "="
    guard let range = text.firstRange(of: sign), range.lowerBound > text.startIndex else {
      throw InputSyntaxFault("\"\(text)\" is not a rule; write PATH = VALUE or PATH != VALUE, several values separated by |")
    }
    source = try InputSource(InputText.trimmed(text[..<range.lowerBound]))
    if case .constant = source { throw InputSyntaxFault("\"\(text)\" compares a constant") }
    values = InputText.split(String(text[range.upperBound...]), at: "|").map { String(InputText.trimmed($0)) }
    isNegated = sign == "!="
  }
}

enum InputText {
  static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }

  /// Splits outside quotes.
  static func split(_ text: String, at separator: Character) -> [Substring] {
    var parts: [Substring] = []
    var start = text.startIndex
    var quote: Character?
    for index in text.indices {
      let character = text[index]
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if character == separator {
        parts.append(text[start..<index])
        start = text.index(after: index)
      }
    }
    return parts + [text[start...]]
  }

  static func cut(_ text: Substring, before separator: Character) -> (Substring, Substring) {
    guard let index = text.firstIndex(of: separator) else { return (text, "") }
    return (text[..<index], text[index...])
  }
}
