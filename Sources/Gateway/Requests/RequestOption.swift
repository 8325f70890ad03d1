import HTTPServing
import Telemetry

/// One parameter of a request: its name, what it may hold, and what it means. The same rows read queries and bodies and document both.
struct RequestOption: Sendable {
  enum Kind: Sendable {
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case flag
    case text(bytesMax: Int)
    case choice([String])
    /// May be repeated in a query; a list in a body.
    case texts(countMax: Int, queryCountMax: Int)
    /// `ITEM` or `ITEM=WEIGHT`, repeated, in a query; a list of ids or of `{"item", "weight"}` in a body.
    case weights(countMax: Int)
  }

  let name: String
  let kind: Kind
  let summary: String
  var example: JSONValue?

  init(_ name: String, _ kind: Kind, _ summary: String, example: JSONValue? = nil) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.example = example
  }

  // MARK: Reading

  /// The value of the parameter in a query; `nil` if it is not there.
  func value(in query: HTTPQuery) throws(Problem) -> JSONValue? {
    let texts = query.values(name)
    guard let last = texts.last else { return nil }
    switch kind {
    case .integer:
      guard let number = Int(last) else { throw fault("is no whole number: \(Self.shown(last))") }
      return try checked(.integer(number))
    case .number:
      guard let number = Double(last), number.isFinite else { throw fault("is no number: \(Self.shown(last))") }
      return try checked(.number(number))
    case .flag:
      switch last {
      case "true", "1", "": return .bool(true)
      case "false", "0": return .bool(false)
      default: throw fault("is neither true nor false: \(Self.shown(last))")
      }
    case .text, .choice: return try checked(.string(last))
    case .texts(_, let countMax):
      guard texts.count <= countMax else {
        throw fault("is there \(texts.count) times; a query may have \(countMax)", fix: "send longer lists as a list in the body of a POST")
      }
      return try checked(.array(texts.map { .string($0) }))
    case .weights: return try checked(.array(texts.map(Self.weighted)))
    }
  }

  /// `ITEM=WEIGHT`, if what follows the last equals sign is a number; the id may contain equals signs.
  private static func weighted(_ text: String) -> JSONValue {
    guard let mark = text.lastIndex(of: "="), let weight = Double(text[text.index(after: mark)...]), mark != text.startIndex else {
      return .string(text)
    }
    return ["item": .string(String(text[..<mark])), "weight": .number(weight)]
  }

  /// The value if the parameter may hold it.
  func checked(_ value: JSONValue) throws(Problem) -> JSONValue {
    switch (kind, value) {
    case (.integer(let range), .integer(let number)):
      guard range.contains(number) else { throw fault("is \(number); it must be from \(range.lowerBound) to \(range.upperBound)") }
    case (.number(let range), .integer(let number)): try check(Double(number), range)
    case (.number(let range), .number(let number)): try check(number, range)
    case (.flag, .bool): break
    case (.text(let bytesMax), .string(let text)):
      guard !text.isEmpty, text.utf8.count <= bytesMax, !text.utf8.contains(0) else {
        throw fault("must be a text of 1 to \(bytesMax) bytes without a zero byte")
      }
    case (.choice(let words), .string(let text)):
      guard words.contains(text) else { throw fault("is \(Self.shown(text)); it must be one of \(words.joined(separator: ", "))") }
    case (.texts(let countMax, _), .array(let values)):
      guard values.count <= countMax else { throw fault("has \(values.count) entries; at most \(countMax) are allowed") }
      for value in values { _ = try Self.identifier(value, self) }
    case (.weights(let countMax), .array(let values)):
      guard values.count <= countMax else { throw fault("has \(values.count) entries; at most \(countMax) are allowed") }
      for value in values { _ = try weighted(value) }
    default: throw fault("must be \(expectation)")
    }
    return value
  }

  private func check(_ number: Double, _ range: ClosedRange<Double>) throws(Problem) {
    guard range.contains(number) else {
      throw fault(
        "is \(JSONValue.number(number).text); it must be from \(JSONValue.number(range.lowerBound).text) "
          + "to \(JSONValue.number(range.upperBound).text)")
    }
  }

  static func identifier(_ value: JSONValue, _ option: RequestOption) throws(Problem) -> String {
    let text: String? =
      switch value {
      case .string(let text): text
      case .integer(let number): String(number)
      default: nil
      }
    guard let text, !text.isEmpty, text.utf8.count <= 256, !text.utf8.contains(0) else {
      throw option.fault("must hold texts of 1 to 256 bytes without a zero byte")
    }
    return text
  }

  static let weightRange = 0.001...1000.0

  func weighted(_ value: JSONValue) throws(Problem) -> (item: String, weight: Double) {
    guard case .object(let members) = value else { return (try Self.identifier(value, self), 1) }
    var weight = 1.0
    switch value["weight"] {
    case .integer(let number)?: weight = Double(number)
    case .number(let number)?: weight = number
    case nil: break
    default: throw fault("has a weight that is no number")
    }
    guard let item = value["item"], members.allSatisfy({ $0.key == "item" || $0.key == "weight" }) else {
      throw fault("must hold ids or objects with item and weight")
    }
    try check(weight, Self.weightRange)
    return (try Self.identifier(item, self), weight)
  }

  private var expectation: String {
    switch kind {
    case .integer: "a whole number"
    case .number: "a number"
    case .flag: "true or false"
    case .text, .choice: "a text"
    case .texts: "a list of texts"
    case .weights: "a list of ids or of objects with item and weight"
    }
  }

  func fault(_ complaint: String, fix: String? = nil) -> Problem {
    Problem(.parameter, "\(name) \(complaint)", fix: fix ?? "\(name): \(summary)", members: [.init("parameter", .string(name))])
  }

  private static func shown(_ text: String) -> String { "\"\(text.prefix(60))\"" }
}
