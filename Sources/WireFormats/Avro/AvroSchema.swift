import Foundation

/// Why a schema cannot be used.
public struct SchemaRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// An Avro schema in the form that `AvroReader` walks: numbered nodes that refer to one another.
struct AvroSchema: Sendable {
  enum Kind: UInt8, Sendable {
    case null, boolean, int, long, float, double, bytes, string
    case record, enumeration, array, map, union, fixed
    // Logical types.
    case date, timeMilliseconds, timeMicroseconds, timeNanoseconds
    case timestampMilliseconds, timestampMicroseconds, timestampNanoseconds
    case localMilliseconds, localMicroseconds, localNanoseconds
    case decimalBytes, decimalFixed, uuidFixed
  }

  struct Node: Sendable {
    var kind: Kind
    /// The first of the members of records, enumerations and unions; the node of the elements of arrays and maps; the scale of decimals.
    var first: Int32 = 0
    /// The number of members; the size of fixed types.
    var count: Int32 = 0
  }

  /// A field, a symbol or a branch.
  struct Member: Sendable {
    /// In `texts`: for a field, the punctuation before it and its name with the colon; for a symbol, the symbol in quotes.
    var textStart: Int32 = 0
    var textCount: Int32 = 0
    var node: Int32 = 0
  }

  private(set) var nodes: [Node] = []
  private(set) var members: [Member] = []
  private(set) var texts: [UInt8] = []
  private(set) var root: Int32 = 0

  /// - Parameter references: schemas of the types that this one names, those that need others after them.
  init(text: String, references: [String] = []) throws(SchemaRefusal) {
    var compiler = AvroCompiler()
    for reference in references { _ = try compiler.compile(reference) }
    root = try compiler.compile(text)
    nodes = compiler.nodes
    members = compiler.members
    texts = compiler.texts
  }
}

/// Compiles schemas that may refer to one another's names.
private struct AvroCompiler {
  var nodes: [AvroSchema.Node] = []
  var members: [AvroSchema.Member] = []
  var texts: [UInt8] = []
  private var names: [String: Int32] = [:]
  private static let nodesMax = 100_000
  private static let depthMax = 200

  mutating func compile(_ text: String) throws(SchemaRefusal) -> Int32 {
    let object: Any
    do { object = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) } catch {
      // A schema that is a single name may come without quotes.
      guard Self.primitives[text] != nil else { throw SchemaRefusal("the Avro schema is not JSON") }
      return try node(text, "", depth: 0)
    }
    return try node(object, "", depth: 0)
  }

  private static let primitives: [String: AvroSchema.Kind] = [
    "null": .null, "boolean": .boolean, "int": .int, "long": .long, "float": .float, "double": .double, "bytes": .bytes,
    "string": .string,
  ]

  private mutating func add(_ node: AvroSchema.Node) throws(SchemaRefusal) -> Int32 {
    guard nodes.count < Self.nodesMax else { throw SchemaRefusal("the Avro schema has more than \(Self.nodesMax) types") }
    nodes.append(node)
    return Int32(nodes.count - 1)
  }

  private mutating func node(_ schema: Any, _ namespace: String, depth: Int) throws(SchemaRefusal) -> Int32 {
    guard depth < Self.depthMax else { throw SchemaRefusal("the Avro schema is nested deeper than \(Self.depthMax)") }
    switch schema {
    case let name as String:
      if let kind = Self.primitives[name] { return try add(.init(kind: kind)) }
      if let known = names[Self.fullName(name, namespace)] ?? names[name] { return known }
      throw SchemaRefusal("the Avro type \(name.prefix(200)) is not defined by the schema or its references")
    case let branches as [Any]: return try union(branches, namespace, depth)
    case let object as [String: Any]: return try complex(object, namespace, depth)
    default: throw SchemaRefusal("an Avro schema is a name, an object or an array")
    }
  }

  private mutating func union(_ branches: [Any], _ namespace: String, _ depth: Int) throws(SchemaRefusal) -> Int32 {
    var inner: [AvroSchema.Member] = []
    for branch in branches { inner.append(.init(node: try node(branch, namespace, depth: depth + 1))) }
    return try add(composite(.union, inner))
  }

  private mutating func composite(_ kind: AvroSchema.Kind, _ inner: [AvroSchema.Member]) -> AvroSchema.Node {
    members += inner
    return .init(kind: kind, first: Int32(members.count - inner.count), count: Int32(inner.count))
  }

  private mutating func complex(_ object: [String: Any], _ namespace: String, _ depth: Int) throws(SchemaRefusal) -> Int32 {
    guard let type = object["type"] as? String else {
      // `{"type": {"type": ...}}` and `{"type": [...]}` mean what is inside.
      guard let inner = object["type"] else { throw SchemaRefusal("an Avro type has no \"type\"") }
      return try node(inner, namespace, depth: depth + 1)
    }
    switch type {
    case "record", "error": return try record(object, namespace, depth)
    case "enum": return try enumeration(object, namespace)
    case "fixed": return try fixed(object, namespace)
    case "array", "map":
      guard let inner = object[type == "array" ? "items" : "values"] else { throw SchemaRefusal("an Avro \(type) has no element type") }
      return try add(.init(kind: type == "array" ? .array : .map, first: try node(inner, namespace, depth: depth + 1)))
    default:
      guard let kind = Self.primitives[type] else { return try node(type, namespace, depth: depth + 1) }
      return try add(Self.logical(kind, object))
    }
  }

  // MARK: Named types

  private static func fullName(_ name: String, _ namespace: String) -> String {
    name.contains(".") || namespace.isEmpty ? name : namespace + "." + name
  }

  /// Registers the name of a type for what comes after it, and returns the namespace inside.
  private mutating func define(_ object: [String: Any], _ outer: String, as node: Int32) throws(SchemaRefusal) -> String {
    guard let name = object["name"] as? String, !name.isEmpty else { throw SchemaRefusal("an Avro type needs a name") }
    let full = Self.fullName(name, object["namespace"] as? String ?? outer)
    names[full] = node
    return full.lastIndex(of: ".").map { String(full[..<$0]) } ?? ""
  }

  private mutating func record(_ object: [String: Any], _ outer: String, _ depth: Int) throws(SchemaRefusal) -> Int32 {
    guard let fields = object["fields"] as? [[String: Any]] else { throw SchemaRefusal("an Avro record has no fields") }
    // Defined before its fields, which may refer to it.
    let index = try add(.init(kind: .record))
    let namespace = try define(object, outer, as: index)
    var inner: [AvroSchema.Member] = []
    for (position, field) in fields.enumerated() {
      guard let name = field["name"] as? String, let type = field["type"] else {
        throw SchemaRefusal("a field of an Avro record needs a name and a type")
      }
      // Producers put logical types beside the type, too.
      let isInline = type is String && (field["logicalType"] != nil || field["connect.name"] != nil)
      var member = text((position == 0 ? "{" : ",") + Self.quoted(name) + ":")
      member.node = try node(isInline ? field : type, namespace, depth: depth + 1)
      inner.append(member)
    }
    nodes[Int(index)] = composite(.record, inner)
    return index
  }

  private mutating func enumeration(_ object: [String: Any], _ outer: String) throws(SchemaRefusal) -> Int32 {
    guard let symbols = object["symbols"] as? [String] else { throw SchemaRefusal("an Avro enum has no symbols") }
    let index = try add(composite(.enumeration, symbols.map { text(Self.quoted($0)) }))
    _ = try define(object, outer, as: index)
    return index
  }

  private mutating func fixed(_ object: [String: Any], _ outer: String) throws(SchemaRefusal) -> Int32 {
    guard let size = object["size"] as? Int, 0...(1 << 24) ~= size else { throw SchemaRefusal("an Avro fixed needs a size") }
    var node = AvroSchema.Node(kind: .fixed, count: Int32(size))
    switch object["logicalType"] as? String {
    case "decimal":
      if let scale = Self.scale(object), size <= JSONOutput.decimalBytesMax { (node.kind, node.first) = (.decimalFixed, scale) }
    case "uuid": if size == 16 { node.kind = .uuidFixed }
    default: break
    }
    let index = try add(node)
    _ = try define(object, outer, as: index)
    return index
  }

  private mutating func text(_ text: String) -> AvroSchema.Member {
    texts += text.utf8
    return .init(textStart: Int32(texts.count - text.utf8.count), textCount: Int32(text.utf8.count))
  }

  private static func quoted(_ text: String) -> String {
    var output = JSONOutput(sizeMax: .max, expected: text.utf8.count + 2)
    Array(text.utf8).withUnsafeBufferPointer { output.appendQuoted($0) }
    return String(decoding: output.bytes, as: UTF8.self)
  }

  // MARK: Logical types

  /// Names of Kafka Connect and Debezium, which stand where other producers have a logical type.
  private static let connectNames = [
    "io.debezium.time.Date": "date", "org.apache.kafka.connect.data.Date": "date", "io.debezium.time.Timestamp": "timestamp-millis",
    "org.apache.kafka.connect.data.Timestamp": "timestamp-millis", "io.debezium.time.MicroTimestamp": "timestamp-micros",
    "io.debezium.time.NanoTimestamp": "timestamp-nanos", "io.debezium.time.Time": "time-millis",
    "org.apache.kafka.connect.data.Time": "time-millis", "io.debezium.time.MicroTime": "time-micros",
    "io.debezium.time.NanoTime": "time-nanos", "org.apache.kafka.connect.data.Decimal": "decimal",
  ]

  private static func scale(_ object: [String: Any]) -> Int32? {
    let parameters = object["connect.parameters"] as? [String: Any]
    let scale = object["scale"] as? Int ?? (parameters?["scale"] as? String).flatMap { Int($0) } ?? 0
    return 0...100 ~= scale ? Int32(scale) : nil
  }

  /// A logical type that is unknown, or does not fit its type, is ignored, as the specification asks.
  private static func logical(_ kind: AvroSchema.Kind, _ object: [String: Any]) -> AvroSchema.Node {
    let name = object["logicalType"] as? String ?? (object["connect.name"] as? String).flatMap { connectNames[$0] } ?? ""
    switch (kind, name) {
    case (.int, "date"), (.long, "date"): return .init(kind: .date)
    case (.int, "time-millis"), (.long, "time-millis"): return .init(kind: .timeMilliseconds)
    case (.long, "time-micros"): return .init(kind: .timeMicroseconds)
    case (.long, "time-nanos"): return .init(kind: .timeNanoseconds)
    case (.long, "timestamp-millis"): return .init(kind: .timestampMilliseconds)
    case (.long, "timestamp-micros"): return .init(kind: .timestampMicroseconds)
    case (.long, "timestamp-nanos"): return .init(kind: .timestampNanoseconds)
    case (.long, "local-timestamp-millis"): return .init(kind: .localMilliseconds)
    case (.long, "local-timestamp-micros"): return .init(kind: .localMicroseconds)
    case (.long, "local-timestamp-nanos"): return .init(kind: .localNanoseconds)
    case (.bytes, "decimal"): return scale(object).map { .init(kind: .decimalBytes, first: $0) } ?? .init(kind: .bytes)
    default: return .init(kind: kind)
    }
  }
}
