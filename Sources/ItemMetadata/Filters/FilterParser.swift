import Telemetry
import Timestamps

/// Reads a filter by recursive descent.
///
///     filter   = and , { "or" , and } ;
///     and      = unary , { "and" , unary } ;
///     unary    = [ "not" ] , ( test | "(" , filter , ")" ) ;
///     test     = field , ( op , value | [ "not" ] , "in" , list | "exists" ) ;
///     op       = "=" | "!=" | "<" | "<=" | ">" | ">=" ;
///     list     = "[" , value , { "," , value } , "]" ;
///     value    = string | number | "true" | "false" | "now" , [ ( "+" | "-" ) , duration ] ;
///     field    = name , { "." , name } ;
///     duration = digit , { digit } , ( "s" | "m" | "h" | "d" ) ;
///     string   = '"' , JSON string characters , '"' ;   name = letter , { letter | digit | "_" } ;
struct FilterParser {
  typealias Node = ItemFilter.Node

  private let limits: FilterLimits
  private var input: JSONReader
  private var tests = 0
  private var depth = 0

  static let keywords: Set<String> = ["and", "or", "not", "in", "exists", "true", "false", "now"]

  init(_ bytes: [UInt8], _ limits: FilterLimits) {
    self.limits = limits
    input = JSONReader(bytes)
  }

  mutating func parse() throws(FilterFault) -> Node {
    guard input.bytes.count <= limits.bytesMax else {
      throw FilterFault(
        .limit, at: limits.bytesMax, "a filter has at most \(limits.bytesMax) bytes here, this one has \(input.bytes.count)")
    }
    let node = try filter()
    guard isAtEnd else { throw unexpected("and, or, or the end") }
    return node
  }

  // MARK: Structure

  private mutating func filter() throws(FilterFault) -> Node {
    var nodes = [try and()]
    while take(word: "or") { nodes.append(try and()) }
    return .joined(nodes, isAnd: false)
  }

  private mutating func and() throws(FilterFault) -> Node {
    var nodes = [try unary()]
    while take(word: "and") { nodes.append(try unary()) }
    return .joined(nodes, isAnd: true)
  }

  private mutating func unary() throws(FilterFault) -> Node {
    if take(word: "not") { return .negated(try operand()) }
    return try operand()
  }

  private mutating func operand() throws(FilterFault) -> Node {
    input.skipSpace()
    guard input.peek == UInt8(ascii: "(") else { return try test() }
    guard depth < limits.depthMax else {
      throw FilterFault(.limit, at: input.at, "parentheses are nested at most \(limits.depthMax) deep")
    }
    input.at += 1
    depth += 1
    let node = try filter()
    input.skipSpace()
    guard input.take(")") else { throw unexpected("and, or, or )") }
    depth -= 1
    return node
  }

  private mutating func test() throws(FilterFault) -> Node {
    input.skipSpace()
    let start = input.at
    let field = try self.field()
    tests += 1
    guard tests <= limits.testsMax else { throw FilterFault(.limit, at: start, "a filter has at most \(limits.testsMax) tests") }
    func node(_ condition: FilterTest.Condition) -> Node { .test(FilterTest(field: field, condition: condition)) }
    if take(word: "exists") { return node(.exists) }
    if take(word: "in") { return node(.isIn(try list(field))) }
    if take(word: "not") {
      guard take(word: "in") else { throw unexpected("in after not; write \"not \(field.canonicalText) exists\" for a missing field") }
      return .not(node(.isIn(try list(field))))
    }
    switch try comparison() {
    case "=": return node(.equals(try value(field, order: nil)))
    case "!=": return .not(node(.equals(try value(field, order: nil))))
    case let sign:
      guard let order = FilterTest.Order(rawValue: sign) else { preconditionFailure("an unknown comparison") }
      return node(.ordered(order, try value(field, order: order)))
    }
  }

  private mutating func comparison() throws(FilterFault) -> String {
    input.skipSpace()
    for sign in ["!=", "<=", ">=", "=", "<", ">"] where input.bytes[input.at...].starts(with: sign.utf8) {
      input.at += sign.utf8.count
      return sign
    }
    throw unexpected("=, !=, <, <=, >, >=, in, not in, or exists")
  }

  private mutating func field() throws(FilterFault) -> FilterField {
    let start = input.at
    var path = [try name("a field")]
    if Self.keywords.contains(path[0]) {
      throw FilterFault(.syntax, at: start, "expected a field, not the keyword \(path[0]); write properties.\(path[0]) for that property")
    }
    while input.take(".") { path.append(try name("a name after the point")) }
    return FilterField(path: path)
  }

  private mutating func name(_ expected: String) throws(FilterFault) -> String {
    guard Self.isLetter(input.peek) else { throw unexpected(expected) }
    let start = input.at
    while Self.isNamePart(input.peek) { input.at += 1 }
    return String(decoding: input.bytes[start..<input.at], as: UTF8.self)
  }

  // MARK: Values

  private mutating func list(_ field: FilterField) throws(FilterFault) -> [FilterTest.Operand] {
    input.skipSpace()
    guard input.take("[") else { throw unexpected("[ and values") }
    var values: [FilterTest.Operand] = []
    repeat {
      input.skipSpace()
      guard values.count < limits.valuesMax else {
        throw FilterFault(.limit, at: input.at, "a list has at most \(limits.valuesMax) values")
      }
      values.append(try value(field, order: nil))
      input.skipSpace()
    } while input.take(",")
    guard input.take("]") else { throw unexpected(", or ]") }
    return values
  }

  private mutating func value(_ field: FilterField, order: FilterTest.Order?) throws(FilterFault) -> FilterTest.Operand {
    input.skipSpace()
    let start = input.at
    let value = try anyValue()
    if case .text(var text) = value, field.isTime {
      if let time = text.withUTF8({ TimestampText.milliseconds(fromRFC3339: $0) }) { return .time(time) }
    }
    if let complaint = Self.complaint(field, order, value) {
      var position = start
      if case .text = value { position += 1 }
      throw FilterFault(.type, at: position, complaint)
    }
    return value
  }

  /// Why a comparison of this field with this value has no meaning.
  private static func complaint(_ field: FilterField, _ order: FilterTest.Order?, _ value: FilterTest.Operand) -> String? {
    switch value {
    case .now where !field.isTime: "expected a text, number or boolean: only available_from and available_until are compared with now"
    case .now: nil
    case _ where field.isTime: "expected now, or a time such as \"2026-01-31T08:30:00Z\", after \(field.canonicalText)"
    case .text where order != nil: "expected a number after \(order?.rawValue ?? ""): texts have no order; write numbers without quotes"
    case .bool where order != nil: "expected a number after \(order?.rawValue ?? ""): booleans have no order; write = true or = false"
    default: nil
    }
  }

  private mutating func anyValue() throws(FilterFault) -> FilterTest.Operand {
    do throws(JSONReader.Fault) {
      switch input.peek {
      case UInt8(ascii: "\""): return .text(try input.string())
      case UInt8(ascii: "-"), 0x30...0x39:
        let number = try input.number()
        guard !Self.isNamePart(input.peek), input.peek != UInt8(ascii: ".") else { break }
        switch number {
        case .integer(let integer): return .number(Double(integer))
        case .number(let double): return .number(double)
        default: break
        }
      default: break
      }
    } catch { throw FilterFault(.syntax, at: error.position, error.message) }
    if take(word: "true") { return .bool(true) }
    if take(word: "false") { return .bool(false) }
    guard take(word: "now") else { throw unexpected("a value: a text in double quotes, a number, true, false or now") }
    input.skipSpace()
    if input.take("+") { return .now(try duration()) }
    if input.take("-") { return .now(-(try duration())) }
    return .now(0)
  }

  private mutating func duration() throws(FilterFault) -> Int64 {
    input.skipSpace()
    let start = input.at
    while 0x30...0x39 ~= input.peek { input.at += 1 }
    let digits = String(decoding: input.bytes[start..<input.at], as: UTF8.self)
    guard !digits.isEmpty, let unit = FilterTest.Operand.units.first(where: { input.take($0.letter) }), !Self.isNamePart(input.peek) else {
      throw unexpected("a duration such as 30m, 12h or 7d")
    }
    // A hundred years: further from now, nothing is meant.
    guard let count = Int64(digits), count <= 36_525 * 86_400_000 / unit.milliseconds else {
      throw FilterFault(.limit, at: start, "a duration is at most 36525d")
    }
    return count * unit.milliseconds
  }

  // MARK: Words

  private static func isLetter(_ byte: UInt8) -> Bool { 0x61...0x7A ~= byte | 0x20 }
  private static func isNamePart(_ byte: UInt8) -> Bool { isLetter(byte) || 0x30...0x39 ~= byte || byte == UInt8(ascii: "_") }

  private var isAtEnd: Bool {
    mutating get {
      input.skipSpace()
      return input.at >= input.bytes.count
    }
  }

  /// The word from here, without moving.
  private func wordAhead() -> String {
    let bytes = input.bytes[min(input.at, input.bytes.count)...].prefix { Self.isNamePart($0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func take(word: String) -> Bool {
    input.skipSpace()
    guard wordAhead() == word else { return false }
    input.at += word.utf8.count
    return true
  }

  /// What to write in place of the operators of other languages.
  private static let hints = [
    ("&&", "write and"), ("||", "write or"), ("==", "write = once"), ("=", "write = once"), ("<>", "write !="), ("!", "write not"),
    ("'", "texts stand in double quotes"),
  ]

  private mutating func unexpected(_ expected: String) -> FilterFault {
    input.skipSpace()
    let word = wordAhead()
    let rest = input.bytes[min(input.at, input.bytes.count)...]
    var hint = ""
    if Self.keywords.contains(word.lowercased()), word != word.lowercased() { hint = "; keywords are written in small letters" }
    if let known = Self.hints.first(where: { rest.starts(with: $0.0.utf8) }) { hint = "; \(known.1)" }
    return FilterFault(.syntax, at: min(input.at, input.bytes.count), "expected \(expected)\(hint)")
  }
}
