/// Names the schema that a payload was written with.
public enum SchemaName: Hashable, Sendable, CustomStringConvertible {
  /// The number in a frame of version 0.
  case id(UInt32)
  /// The GUID in a frame of version 1.
  case guid(UInt64, UInt64)
  /// The schema of `input.schema_file`.
  case file

  public var description: String {
    switch self {
    case .id(let id): "schema \(id)"
    case .guid: "schema \(guidText)"
    case .file: "the schema of input.schema_file"
    }
  }

  /// The GUID as registries write it.
  public var guidText: String {
    guard case .guid(let high, let low) = self else { return "" }
    var text = ""
    for index in 0..<32 {
      if index == 8 || index == 12 || index == 16 || index == 20 { text += "-" }
      let word = index < 16 ? high : low
      let digit = word >> UInt64(60 - 4 * (index % 16)) & 15
      text += String(digit, radix: 16)
    }
    return text
  }
}

/// A payload that only a schema explains, as it was framed.
public struct SchemaPayload {
  public var schema: SchemaName
  public var bytes: UnsafeBufferPointer<UInt8>
  /// Where the list stands that says which message of a Protobuf schema this is.
  public var indexes: Indexes

  public enum Indexes {
    /// Before the message.
    case inPayload
    /// In a header, behind the name of the schema.
    case apart([UInt8])
    /// Nowhere: the settings name the message.
    case none
  }

  public init(schema: SchemaName, bytes: UnsafeBufferPointer<UInt8>, indexes: Indexes) {
    self.schema = schema
    self.bytes = bytes
    self.indexes = indexes
  }
}

public enum DecodedPayload: Sendable {
  /// The payload as JSON.
  case json([UInt8])
  /// The schema describes JSON: the payload is that already.
  case isJSON
  /// The schema has been asked for and is not there yet.
  case waiting
  case failure(DecodingFailure)
}

/// Makes JSON of payloads that are not JSON, so that all formats are read by the same rules.
///
/// Never blocks: a schema that is not there is fetched elsewhere, and the records that need it wait.
public protocol PayloadDecoder: Sendable {
  /// - Parameter payload: its pointers are valid during the call.
  func decode(_ payload: SchemaPayload) -> DecodedPayload
  /// Why this schema is not there yet, in one sentence; `nil` while it is being fetched for the first time.
  func problem(with schema: SchemaName) -> String?
  /// Requests to the registry since the start, by result.
  var requests: [String: Int] { get }
}

// MARK: - Frames

/// Where a record's JSON is.
enum RecordForm {
  /// From this byte of the value on.
  case json(start: Int)
  /// A framed payload that begins like JSON. If it is not, the schema decides.
  case perhapsJSON(start: Int, SchemaPayload)
  case schema(SchemaPayload)
  case failure(DecodingFailure)
}

extension DecodingRules {
  static let valueSchemaHeader = "__value_schema_id"
  static let keySchemaHeader = "__key_schema_id"

  private static let frameLengths = [5, 17]

  /// The form of a value. A frame begins with 0 and 4 bytes, or with 1 and 16 bytes, in the value or in a header.
  func form(of record: Record, _ bytes: UnsafeBufferPointer<UInt8>) -> RecordForm {
    if input.format == .json { return .json(start: 0) }
    if let header = record.headers.last(where: { $0.name == Self.valueSchemaHeader }) {
      return header.value.withUnsafeBufferPointer { form(ofHeader: $0, bytes) }
    }
    if bytes[0] <= 1, !isUnframed { return formOfFrame(bytes) }
    switch input.format {
    case .avro, .protobuf:
      guard hasSchemaFile else {
        return .failure(
          DecodingFailure(
            .badFrame,
            "the value has no Confluent frame, which names its schema; set input.schema_file to the schema of values without a frame"))
      }
      return .schema(SchemaPayload(schema: .file, bytes: bytes, indexes: .none))
    default:
      guard hasSchemaFile else { return .json(start: 0) }
      let payload = SchemaPayload(schema: .file, bytes: bytes, indexes: .none)
      return looksLikeJSON(bytes, from: 0, orList: true) ? .perhapsJSON(start: 0, payload) : .schema(payload)
    }
  }

  /// With a schema for them, values of a binary format are taken to have no frame: their first byte may be anything.
  private var isUnframed: Bool { hasSchemaFile && (input.format == .avro || input.format == .protobuf) }

  private func formOfFrame(_ bytes: UnsafeBufferPointer<UInt8>) -> RecordForm {
    let length = Self.frameLengths[Int(bytes[0])]
    guard bytes.count > length, let schema = schema(inFrame: bytes) else {
      return .failure(
        DecodingFailure(.badFrame, "a Confluent frame of version \(bytes[0]) needs \(length) bytes followed by a payload"))
    }
    let payload = SchemaPayload(schema: schema, bytes: UnsafeBufferPointer(rebasing: bytes[length...]), indexes: .inPayload)
    return form(of: payload, start: length, bytes)
  }

  private func form(ofHeader header: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>) -> RecordForm {
    guard let version = header.first, version <= 1, header.count >= Self.frameLengths[Int(version)], let schema = schema(inFrame: header)
    else { return .failure(DecodingFailure(.badFrame, "the header \(Self.valueSchemaHeader) is no schema id or GUID with its version")) }
    let rest = UnsafeBufferPointer(rebasing: header[Self.frameLengths[Int(version)]...])
    return form(of: SchemaPayload(schema: schema, bytes: bytes, indexes: rest.isEmpty ? .inPayload : .apart(Array(rest))), start: 0, bytes)
  }

  private func form(of payload: SchemaPayload, start: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> RecordForm {
    let isBinary = input.format == .avro || input.format == .protobuf
    return !isBinary && looksLikeJSON(bytes, from: start) ? .perhapsJSON(start: start, payload) : .schema(payload)
  }

  private func looksLikeJSON(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int, orList: Bool = false) -> Bool {
    var scanner = JSONScanner(bytes, from: start, depthMax: 1)
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    return scanner.peek() == 0x7B || (orList && scanner.peek() == 0x5B)
  }

  func open(_ payload: SchemaPayload) -> DecodedPayload {
    guard let payloads else {
      return .failure(
        DecodingFailure(
          .unknownSchema,
          "the framed payload is not a JSON object, and no schema registry is configured (schema_registry.url, or input.schema_file)"))
    }
    return payloads.decode(payload)
  }

  // MARK: Keys

  /// A key without its frame: `.isJSON` if it has none, and else the JSON that it holds.
  func plainKey(of record: Record, _ key: [UInt8]) -> DecodedPayload {
    guard let schema = schema(ofKey: key, record) else { return .isJSON }
    let isFramed = !record.headers.contains { $0.name == Self.keySchemaHeader }
    return key.withUnsafeBufferPointer { bytes in
      let payload = UnsafeBufferPointer(rebasing: bytes[(isFramed ? Self.frameLengths[Int(bytes[0])] : 0)...])
      let decoded = open(SchemaPayload(schema: schema, bytes: payload, indexes: .inPayload))
      if case .isJSON = decoded { return .json(Array(payload)) }
      return decoded
    }
  }

  /// The schema of a key. Text keys and numbers of eight bytes, which begin with zeros, have none.
  func schema(ofKey key: [UInt8], _ record: Record) -> SchemaName? {
    guard payloads != nil, self.key != .text, let first = key.first else { return nil }
    let header = record.headers.last { $0.name == Self.keySchemaHeader }?.value
    guard header != nil || first <= 1, let version = header?.first ?? key.first, version <= 1 else { return nil }
    let frame = header ?? key
    guard frame.count >= Self.frameLengths[Int(version)] + (header == nil ? 1 : 0) else { return nil }
    let schema = frame.withUnsafeBufferPointer { self.schema(inFrame: $0) }
    return schema == .id(0) ? nil : schema
  }

  /// The schema that a frame names; `nil` for an id that no registry gives. Ids are positive and have 31 bits.
  func schema(inFrame bytes: UnsafeBufferPointer<UInt8>) -> SchemaName? {
    func word(_ start: Int, _ count: Int) -> UInt64 { (0..<count).reduce(0) { $0 << 8 | UInt64(bytes[start + $1]) } }
    if bytes[0] == 1 { return .guid(word(1, 8), word(9, 8)) }
    let id = UInt32(word(1, 4))
    return id > Int32.max ? nil : .id(id)
  }
}
