import Foundation
import RecommenderTestKit
import StreamingRecommender
import Synchronization
import Testing

@testable import WireFormats

let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
let fixture: MessageFixture = {
  guard let fixture = try? MessageFixture(packageRoot: packageRoot) else { preconditionFailure("messages.json cannot be read") }
  return fixture
}()
/// 2026-11-21T00:00:00Z.
let testNow: Int64 = 1_795_219_200_000

/// Gives the schemas of the fixture, unless it is told to fail.
final class FixtureRegistry: SchemaFetching {
  private let state = Mutex((fault: SchemaFault?.none, asked: 0, hidden: Set<SchemaName>()))

  func set(_ fault: SchemaFault?) { state.withLock { $0.fault = fault } }
  func hide(_ schemas: Set<SchemaName>) { state.withLock { $0.hidden = schemas } }
  var asked: Int { state.withLock { $0.asked } }
  var requests: [String: Int] { ["ok": asked] }

  func fetch(_ name: SchemaName) throws(SchemaFault) -> SchemaText {
    let (fault, isHidden) = state.withLock { state in
      state.asked += 1
      return (state.fault, state.hidden.contains(name))
    }
    if let fault { throw fault }
    guard !isHidden, let schema = fixture.schema(name) else { throw .refused("there is no \(name)") }
    return Self.text(schema)
  }

  static func text(_ schema: MessageFixture.Schema) -> SchemaText {
    let references = schema.references.flatMap { reference -> [SchemaText.Reference] in
      guard let found = fixture.schemas.first(where: { $0.subject == reference.subject && $0.version == reference.version }) else {
        return []
      }
      return text(found).references + [.init(name: reference.name, text: found.schema)]
    }
    return SchemaText(kind: SchemaText.Kind(rawValue: schema.schemaType) ?? .json, text: schema.schema, references: references)
  }
}

/// Decodes again until the schema is there.
func settled(_ decoder: InteractionDecoder, _ record: Record) throws -> DecodedRecord {
  for _ in 0..<5000 {
    let decoded = decoder.decode(record, fallbackMilliseconds: testNow)
    guard case .waiting = decoded else { return decoded }
    usleep(1000)
  }
  throw SchemaFault.unavailable("the schema has not come")
}

/// Avro or Protobuf bytes, put together by hand.
struct Bytes: ExpressibleByArrayLiteral {
  var all: [UInt8] = []
  init(arrayLiteral elements: UInt8...) { all = elements }
  init() {}

  static func varint(_ number: UInt64) -> [UInt8] {
    var rest = number
    var bytes: [UInt8] = []
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// An Avro number.
  mutating func long(_ number: Int64) { all += Self.varint(UInt64(bitPattern: number << 1 ^ number >> 63)) }
  /// An Avro text.
  mutating func text(_ text: String) {
    long(Int64(text.utf8.count))
    all += text.utf8
  }
  mutating func data(_ bytes: [UInt8]) {
    long(Int64(bytes.count))
    all += bytes
  }

  /// A Protobuf field of a number.
  mutating func field(_ number: UInt64, varint value: UInt64) { all += Self.varint(number << 3) + Self.varint(value) }
  mutating func field(_ number: UInt64, _ content: [UInt8]) {
    all += Self.varint(number << 3 | 2) + Self.varint(UInt64(content.count)) + content
  }
  mutating func field(_ number: UInt64, _ text: String) { field(number, Array(text.utf8)) }
}

let limits = PayloadLimits()

func avroJSON(_ schema: String, limits: PayloadLimits = limits, _ make: (inout Bytes) -> Void) throws -> String {
  var bytes = Bytes()
  make(&bytes)
  let compiled = try AvroSchema(text: schema)
  // A datum without bytes still has an address here.
  return try (bytes.all + [0]).withUnsafeBufferPointer {
    String(decoding: try AvroReader.json(UnsafeBufferPointer(rebasing: $0.dropLast()), compiled, limits), as: UTF8.self)
  }
}

func protobufJSON(
  _ schema: String, _ message: String = "", limits: PayloadLimits = limits, _ make: (inout Bytes) -> Void
) throws -> String {
  var bytes = Bytes()
  make(&bytes)
  let compiled = try ProtobufSchema(text: schema)
  let index = try #require(compiled.message(named: message))
  return try bytes.all.withUnsafeBufferPointer {
    String(decoding: try ProtobufReader.json($0, compiled, message: index, limits), as: UTF8.self)
  }
}
