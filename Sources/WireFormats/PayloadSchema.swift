import Foundation
import StreamingRecommender

/// A schema that is ready for decoding.
enum PayloadSchema: Sendable {
  case avro(AvroSchema)
  /// - message: the one of payloads that have no message indexes.
  case protobuf(ProtobufSchema, message: Int32)
  case json

  init(_ text: SchemaText) throws(SchemaRefusal) {
    switch text.kind {
    case .avro: self = .avro(try AvroSchema(text: text.text, references: text.references.map(\.text)))
    case .protobuf:
      let schema = try ProtobufSchema(text: text.text, references: text.references.map { ($0.name, $0.text) })
      self = .protobuf(schema, message: schema.roots[0].message)
    case .json: self = .json
    }
  }

  /// Reads `input.schema_file`: an Avro schema, a .proto file (whose imports lie beside it), or a set of descriptors.
  ///
  /// - Parameter message: the Protobuf message; the first one of the file if empty.
  init(file path: String, message: String) throws(SchemaRefusal) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw SchemaRefusal("it does not exist or cannot be read")
    }
    let first = data.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    let isAvro = path.hasSuffix(".avsc") || first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"")
    let text = String(data: data, encoding: .utf8)
    if isAvro {
      guard let text else { throw SchemaRefusal("it is not UTF-8") }
      guard message.isEmpty else { throw SchemaRefusal("it is an Avro schema, which has no input.schema_message") }
      self = .avro(try AvroSchema(text: text))
      return
    }
    let schema: ProtobufSchema
    if path.hasSuffix(".proto") {
      guard let text else { throw SchemaRefusal("it is not UTF-8") }
      schema = try ProtobufSchema(text: text, references: try Self.imports(of: text, beside: path))
    } else {
      schema = try ProtobufSchema(descriptors: [UInt8](data))
    }
    guard let index = schema.message(named: message) else {
      let known = schema.roots.map(\.name).joined(separator: ", ")
      throw SchemaRefusal("it has no message \(message); its top-level messages are \(known.prefix(500))")
    }
    self = .protobuf(schema, message: index)
  }

  private static let importsMax = 200

  /// The files that a .proto file imports, found relative to its directory.
  private static func imports(of text: String, beside path: String) throws(SchemaRefusal) -> [(name: String, text: String)] {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
    var found: [(name: String, text: String)] = []
    var wanted = try ProtoParser.parse(text).imports
    var seen: Set<String> = []
    while let name = wanted.popLast() {
      guard seen.insert(name).inserted, WellKnownType.file(name) == nil else { continue }
      guard seen.count <= importsMax else { throw SchemaRefusal("it imports more than \(importsMax) files") }
      guard let text = try? String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8) else {
        // Imports of options only are not needed; a type that is missing is named when the schema is linked.
        continue
      }
      found.append((name, text))
      wanted += try ProtoParser.parse(text).imports
    }
    return found
  }

  /// What an operator should know about it.
  var notes: [String] {
    guard case .protobuf(let schema, _) = self else { return [] }
    return schema.undefined.map { "\($0) is passed over, because neither the schema nor its references define the type" }
  }

  // MARK: Payloads

  func decode(_ payload: SchemaPayload, _ limits: PayloadLimits) -> DecodedPayload {
    do throws(PayloadFault) {
      switch self {
      case .json: return .isJSON
      case .avro(let schema): return .json(try AvroReader.json(payload.bytes, schema, limits))
      case .protobuf(let schema, let first):
        var bytes = payload.bytes
        var message = first
        switch payload.indexes {
        case .none: break
        case .apart(let list):
          message = try list.withUnsafeBufferPointer { (list) throws(PayloadFault) in try Self.message(list, schema).message }
        case .inPayload:
          let found = try Self.message(bytes, schema)
          message = found.message
          bytes = UnsafeBufferPointer(rebasing: bytes[found.length...])
        }
        return .json(try ProtobufReader.json(bytes, schema, message: message, limits))
      }
    } catch { return .failure(failure(error, payload.schema, limits)) }
  }

  private func failure(_ fault: PayloadFault, _ schema: SchemaName, _ limits: PayloadLimits) -> DecodingFailure {
    switch fault {
    case .malformed(let at, let complaint): DecodingFailure(.badFrame, "the payload does not fit \(schema): \(complaint), at byte \(at)")
    case .tooLarge:
      DecodingFailure(
        .tooLarge,
        "the payload stands for more than \(limits.jsonBytesMax) bytes of JSON, \(PayloadLimits.expansionMax) times input.max_record_bytes")
    case .tooDeep: DecodingFailure(.tooDeep, "the payload is nested deeper than input.max_depth = \(limits.depthMax)")
    }
  }

  private static let indexesMax = 32

  /// Reads the list that says where the message stands in the file, and how many bytes the list has. One zero is the first message.
  private static func message(
    _ bytes: UnsafeBufferPointer<UInt8>, _ schema: ProtobufSchema
  ) throws(PayloadFault) -> (message: Int32, length: Int) {
    guard let base = bytes.baseAddress else { throw .malformed(at: 0, "there are no message indexes") }
    var cursor = WireCursor(base: base, at: 0, end: bytes.count)
    let count = WireCursor.zigzag(try cursor.number())
    guard 0...Int64(indexesMax) ~= count else { throw .malformed(at: 0, "the number of message indexes is out of range") }
    var indexes = count == 0 ? [0] : []
    for _ in 0..<count {
      let index = WireCursor.zigzag(try cursor.number())
      guard 0..<100_000 ~= index else { throw .malformed(at: cursor.at, "a message index is out of range") }
      indexes.append(Int(index))
    }
    guard let message = schema.message(at: indexes) else { throw .malformed(at: 0, "the schema has no message at these indexes") }
    return (message, cursor.at)
  }
}
