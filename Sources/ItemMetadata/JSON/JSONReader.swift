import Telemetry

/// Reads JSON strictly into values that keep the order of members.
///
/// Nesting is bounded, names may not repeat within an object, and text must be valid UTF-8 without lone surrogates. Whole numbers of 64
/// bits are integers however they are written (`4`, `4.0`, `4e0`); all others are doubles.
public struct JSONReader: Sendable {
  public struct Fault: Error, Equatable, Sendable {
    public enum Kind: String, Sendable {
      case syntax = "bad_json"
      case utf8 = "bad_utf8"
      case depth = "too_deep"
      case repeatedName = "duplicate_field"
    }
    public let kind: Kind
    /// Bytes before the fault.
    public let position: Int
    public let message: String
  }

  let bytes: [UInt8]
  private let depthMax: Int
  var at: Int

  init(_ bytes: [UInt8], from start: Int = 0, depthMax: Int = 32) {
    self.bytes = bytes
    self.depthMax = depthMax
    at = start
  }

  /// Reads one value with nothing but white space around it.
  public static func value(_ bytes: [UInt8], depthMax: Int = 32) throws(Fault) -> JSONValue {
    var reader = JSONReader(bytes, depthMax: depthMax)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.at == bytes.count else { throw reader.fault("nothing may follow the value") }
    return value
  }

  var peek: UInt8 { at < bytes.count ? bytes[at] : 0 }

  mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
  }

  private func fault(_ message: String, _ kind: Fault.Kind = .syntax, at position: Int? = nil) -> Fault {
    Fault(kind: kind, position: position ?? at, message: message)
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(Fault) -> JSONValue {
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try elements(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), 0x30...0x39: return try number()
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: throw fault("expected a value")
    }
  }

  private mutating func literal(_ word: String, _ value: JSONValue) throws(Fault) -> JSONValue {
    guard bytes[at...].starts(with: word.utf8) else { throw fault("expected true, false or null") }
    at += word.utf8.count
    return value
  }

  private mutating func open(depth: Int) throws(Fault) {
    guard depth < depthMax else { throw fault("more than \(depthMax) levels of nesting", .depth) }
    at += 1
    skipSpace()
  }

  private mutating func members(depth: Int) throws(Fault) -> [JSONValue.Member] {
    try open(depth: depth)
    var members: [JSONValue.Member] = []
    var names: Set<ExactText> = []
    if take("}") { return members }
    while true {
      skipSpace()
      let nameAt = at
      guard peek == UInt8(ascii: "\"") else { throw fault("expected a field name in quotes") }
      let name = try string()
      guard names.insert(ExactText(name)).inserted else {
        throw fault("\(name.debugDescription) appears twice in one object", .repeatedName, at: nameAt)
      }
      skipSpace()
      guard take(":") else { throw fault("expected :") }
      members.append(.init(name, try value(depth: depth + 1)))
      skipSpace()
      if take("}") { return members }
      guard take(",") else { throw fault("expected , or }") }
    }
  }

  private mutating func elements(depth: Int) throws(Fault) -> [JSONValue] {
    try open(depth: depth)
    var elements: [JSONValue] = []
    if take("]") { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return elements }
      guard take(",") else { throw fault("expected , or ]") }
    }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character), at < bytes.count else { return false }
    at += 1
    return true
  }

  // MARK: Numbers

  mutating func number() throws(Fault) -> JSONValue {
    let start = at
    _ = take("-")
    let firstDigit = at
    try digits("expected a digit")
    if bytes[firstDigit] == 0x30, at - firstDigit > 1 { throw fault("a number must not begin with 0", at: firstDigit) }
    var isWhole = true
    if take(".") {
      isWhole = false
      try digits("expected a digit after the point")
    }
    if take("e") || take("E") {
      isWhole = false
      if !take("-") { _ = take("+") }
      try digits("expected a digit in the exponent")
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isWhole, let integer = Int(text) { return .integer(integer) }
    guard let double = Double(text), double.isFinite else { throw fault("the number is too large", at: start) }
    return Int(exactly: double).map { .integer($0) } ?? .number(double)
  }

  private mutating func digits(_ complaint: String) throws(Fault) {
    guard 0x30...0x39 ~= peek else { throw fault(complaint) }
    while 0x30...0x39 ~= peek { at += 1 }
  }

  // MARK: Strings

  /// Reads a string from its opening quote to after its closing quote.
  mutating func string() throws(Fault) -> String {
    let start = at
    at += 1
    var isEscaped = false
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] < 0x20 { throw fault("a control character inside a string must be escaped") }
      if bytes[at] == UInt8(ascii: "\\") {
        isEscaped = true
        at += 1
      }
      at += 1
    }
    guard at < bytes.count else { throw fault("a string is not closed", at: start) }
    let content = start + 1..<at
    at += 1
    if isEscaped { return try unescaped(content) }
    return try text(bytes[content], from: content.lowerBound)
  }

  private func text(_ slice: ArraySlice<UInt8>, from start: Int) throws(Fault) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else { throw fault("not valid UTF-8", .utf8, at: start) }
    return text
  }

  private func unescaped(_ content: Range<Int>) throws(Fault) -> String {
    var output: [UInt8] = []
    output.reserveCapacity(content.count)
    var index = content.lowerBound
    while index < content.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        output.append(bytes[index])
        index += 1
        continue
      }
      let letter = bytes[index + 1]
      switch letter {
      case UInt8(ascii: "u"): try appendScalar(at: &index, before: content.upperBound, to: &output)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(letter)
      case UInt8(ascii: "b"): output.append(0x08)
      case UInt8(ascii: "f"): output.append(0x0C)
      case UInt8(ascii: "n"): output.append(0x0A)
      case UInt8(ascii: "r"): output.append(0x0D)
      case UInt8(ascii: "t"): output.append(0x09)
      default: throw fault("an unknown escape", at: index)
      }
      index += 2
    }
    return try text(output[...], from: content.lowerBound)
  }

  /// Appends the character of `\uXXXX`, or of a pair of them, and moves to the last two bytes of the escape.
  private func appendScalar(at index: inout Int, before end: Int, to output: inout [UInt8]) throws(Fault) {
    let start = index
    var value = try unit(at: index, before: end)
    index += 4
    if 0xD800...0xDBFF ~= value, index + 2 < end, bytes[index + 2] == UInt8(ascii: "\\"), bytes[index + 3] == UInt8(ascii: "u") {
      let low = try unit(at: index + 2, before: end)
      guard 0xDC00...0xDFFF ~= low else { throw fault("half of a surrogate pair", .utf8, at: start) }
      value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
      index += 6
    }
    guard let scalar = Unicode.Scalar(value) else { throw fault("half of a surrogate pair", .utf8, at: start) }
    output += String(scalar).utf8
  }

  private func unit(at index: Int, before end: Int) throws(Fault) -> UInt32 {
    guard index + 6 <= end, bytes[index + 2..<index + 6].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt32(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
    else { throw fault("\\u needs four hexadecimal digits", at: index) }
    return value
  }
}
