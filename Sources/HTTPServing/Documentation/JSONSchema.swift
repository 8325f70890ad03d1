import Telemetry

/// What a JSON value or a parameter may be: written into the OpenAPI document, and checked where it describes a parameter.
public struct JSONSchema: Sendable, Equatable {
  public struct Property: Sendable, Equatable {
    public let name: String
    public let schema: JSONSchema
    public let isRequired: Bool

    public init(_ name: String, _ schema: JSONSchema, required: Bool = true) {
      self.name = name
      self.schema = schema
      isRequired = required
    }
  }

  indirect enum Kind: Sendable, Equatable {
    case any
    case boolean
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>?)
    /// Lengths in Unicode scalars.
    case string(length: ClosedRange<Int>?, values: [String], format: String?)
    case array(JSONSchema, count: ClosedRange<Int>?)
    case object([Property], allowsMore: Bool)
    /// An object whose names are not known in advance.
    case dictionary(JSONSchema)
    case component(String)
    case oneOf([JSONSchema])
  }

  let kind: Kind
  public private(set) var description = ""
  public private(set) var defaultValue: JSONValue?
  public private(set) var example: JSONValue?
  public private(set) var isNullable = false

  private init(_ kind: Kind) { self.kind = kind }

  public static let any = JSONSchema(.any)
  public static let boolean = JSONSchema(.boolean)
  /// - Parameter range: by default what a double, and so every client, can hold exactly.
  public static func integer(_ range: ClosedRange<Int> = -exactMax...exactMax) -> JSONSchema { JSONSchema(.integer(range)) }
  public static let exactMax = 9_007_199_254_740_991
  public static func number(_ range: ClosedRange<Double>? = nil) -> JSONSchema { JSONSchema(.number(range)) }
  public static func string(_ length: ClosedRange<Int>? = nil, format: String? = nil) -> JSONSchema {
    JSONSchema(.string(length: length, values: [], format: format))
  }
  public static func oneOf(_ values: [String]) -> JSONSchema { JSONSchema(.string(length: nil, values: values, format: nil)) }
  public static func array(_ element: JSONSchema, count: ClosedRange<Int>? = nil) -> JSONSchema {
    JSONSchema(.array(element, count: count))
  }
  /// - Parameter allowsMore: whether there may be further members; answers may always get some later.
  public static func object(_ properties: [Property], allowsMore: Bool = true) -> JSONSchema {
    JSONSchema(.object(properties, allowsMore: allowsMore))
  }
  public static func dictionary(_ value: JSONSchema) -> JSONSchema { JSONSchema(.dictionary(value)) }
  /// A schema of `RouteTable.components`.
  public static func component(_ name: String) -> JSONSchema { JSONSchema(.component(name)) }
  public static func oneOf(_ schemas: [JSONSchema]) -> JSONSchema { JSONSchema(.oneOf(schemas)) }

  public func described(_ text: String) -> JSONSchema { changed { $0.description = text } }
  public func withDefault(_ value: JSONValue) -> JSONSchema { changed { $0.defaultValue = value } }
  public func withExample(_ value: JSONValue) -> JSONSchema { changed { $0.example = value } }
  public var orNull: JSONSchema { changed { $0.isNullable = true } }

  private func changed(_ change: (inout JSONSchema) -> Void) -> JSONSchema {
    var copy = self
    change(&copy)
    return copy
  }

  var isArray: Bool { if case .array = kind { true } else { false } }
  /// Of one value of a repeated parameter.
  var element: JSONSchema { if case .array(let element, _) = kind { element } else { self } }
}

// MARK: - JSON Schema, draft 2020-12, as OpenAPI 3.1 uses it

extension JSONSchema {
  public var json: JSONValue {
    var object = base
    if !description.isEmpty { object["description"] = .string(description) }
    if let defaultValue { object["default"] = defaultValue }
    if let example { object["examples"] = [example] }
    return object
  }

  private var base: JSONValue {
    switch kind {
    case .any: return .object([])
    case .boolean: return typed("boolean")
    case .integer(let range): return typed("integer", ("minimum", .integer(range.lowerBound)), ("maximum", upper(range)))
    case .number(let range):
      return typed("number", ("minimum", range.map { .number($0.lowerBound) }), ("maximum", range.map { .number($0.upperBound) }))
    case .string(let length, let values, let format):
      let allowed = values.map(JSONValue.string) + (isNullable ? [.null] : [])
      return typed(
        "string", ("minLength", length.map { .integer($0.lowerBound) }), ("maxLength", upper(length)),
        ("enum", values.isEmpty ? nil : .array(allowed)), ("format", format.map(JSONValue.string)))
    case .array(let element, let count):
      return typed(
        "array", ("items", element.json), ("minItems", count.map { .integer($0.lowerBound) }), ("maxItems", upper(count)))
    case .object(let properties, let allowsMore):
      let required = properties.filter(\.isRequired).map { JSONValue.string($0.name) }
      return typed(
        "object", ("properties", .object(properties.map { .init($0.name, $0.schema.json) })),
        ("required", required.isEmpty ? nil : .array(required)), ("additionalProperties", allowsMore ? nil : false))
    case .dictionary(let value): return typed("object", ("additionalProperties", value.json))
    case .component(let name):
      let reference: JSONValue = ["$ref": .string("#/components/schemas/\(name)")]
      return isNullable ? ["oneOf": [reference, ["type": "null"]]] : reference
    case .oneOf(let schemas): return ["oneOf": .array(schemas.map(\.json) + (isNullable ? [["type": "null"]] : []))]
    }
  }

  /// The schema of a parameter, whose texts the server refuses if they have a NUL.
  var parameterJSON: JSONValue {
    var value = json
    switch kind {
    case .string(_, let values, _) where values.isEmpty: value["pattern"] = "^[^\\u0000]*$"
    case .array(let element, _): value["items"] = element.parameterJSON
    default: break
    }
    return value
  }

  private func upper(_ range: ClosedRange<Int>?) -> JSONValue? {
    range.flatMap { $0.upperBound == .max ? nil : .integer($0.upperBound) }
  }

  private func typed(_ type: String, _ members: (String, JSONValue?)...) -> JSONValue {
    let type: JSONValue = isNullable ? [.string(type), "null"] : .string(type)
    return .object([.init("type", type)] + members.compactMap { name, value in value.map { .init(name, $0) } })
  }
}

// MARK: - Checking parameters

extension JSONSchema {
  /// What is wrong with the text of a parameter, or `nil`. Only schemas that a text can meet are checked.
  func fault(of text: String) -> String? {
    switch kind {
    case .boolean: return text == "true" || text == "false" ? nil : "must be true or false"
    case .integer(let range):
      guard let value = Self.integer(text), range.contains(value) else { return "must be a whole number" + Self.bounds(range) }
      return nil
    case .number(let range):
      guard let value = Self.number(text), range?.contains(value) ?? true else { return "must be a number" + Self.bounds(range) }
      return nil
    case .string(let length, let values, _):
      if !values.isEmpty { return values.contains(text) ? nil : "must be one of \(values.joined(separator: ", "))" }
      guard let length, !length.contains(text.unicodeScalars.count) else { return nil }
      return length.upperBound == .max
        ? "must have at least \(length.lowerBound) characters" : "must have \(length.lowerBound) to \(length.upperBound) characters"
    case .any, .array, .object, .dictionary, .component, .oneOf: return nil
    }
  }

  /// As JSON writes it, so no plus sign.
  private static func integer(_ text: String) -> Int? { text.utf8.first == UInt8(ascii: "+") ? nil : Int(text) }

  private static func number(_ text: String) -> Double? {
    let isPlain = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
    guard isPlain, text.utf8.first != UInt8(ascii: "+"), let value = Double(text), value.isFinite else { return nil }
    return value
  }

  private static func bounds(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? " of at least \(range.lowerBound)" : " from \(range.lowerBound) to \(range.upperBound)"
  }

  private static func bounds(_ range: ClosedRange<Double>?) -> String {
    range.map { " from \(JSONValue.number($0.lowerBound).text) to \(JSONValue.number($0.upperBound).text)" } ?? ""
  }
}
