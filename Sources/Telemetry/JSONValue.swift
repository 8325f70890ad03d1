/// A JSON value whose objects keep the order they were written in, so that answers can be compared byte for byte.
public indirect enum JSONValue: Sendable, Equatable {
  public struct Member: Sendable, Equatable {
    public let key: String
    public var value: JSONValue
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  case null
  case bool(Bool)
  case integer(Int)
  /// Written as null where it is not finite: JSON has no infinity and no NaN.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// The value on one line, without a line break at the end.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  public var bytes: [UInt8] {
    var output: [UInt8] = []
    write(to: &output)
    return output
  }

  /// The member of an object; a member that exists keeps its place when it is set, and `nil` removes it.
  ///
  /// Setting a member of anything but an object is a programmer's mistake.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.key == key }?.value
    }
    set {
      guard case .object(var members) = self else { preconditionFailure("\"\(key)\" is set in a value that is not an object") }
      let index = members.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(key, value))
      case (nil, nil): break
      }
      self = .object(members)
    }
  }

  private func write(to output: inout [UInt8]) {
    switch self {
    case .null: output += "null".utf8
    case .bool(let value): output += (value ? "true" : "false").utf8
    case .integer(let value): output += String(value).utf8
    case .number(let value): output += Self.number(value).utf8
    case .string(let value): JSONString.append(value, to: &output)
    case .array(let values): Self.write(values, "[", "]", to: &output) { $0.write(to: &$1) }
    case .object(let members):
      Self.write(members, "{", "}", to: &output) { member, output in
        JSONString.append(member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        member.value.write(to: &output)
      }
    }
  }

  private static func write<Element>(
    _ elements: [Element], _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, to output: inout [UInt8],
    element: (Element, inout [UInt8]) -> Void
  ) {
    output.append(UInt8(ascii: opening))
    for (index, value) in elements.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      element(value, &output)
    }
    output.append(UInt8(ascii: closing))
  }

  /// The shortest digits that read back as the same number, whole ones without a fraction.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "null" }
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
}
