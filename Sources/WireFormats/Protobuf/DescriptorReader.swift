/// Reads a compiled .proto file (`FileDescriptorProto`), which some registries give in place of its text.
struct DescriptorReader {
  private let base: UnsafePointer<UInt8>
  private static let depthMax = 32

  static func file(_ bytes: [UInt8]) throws(SchemaRefusal) -> (name: String, file: ProtoFile) {
    try read(bytes) { reader, range throws(PayloadFault) in try reader.file(range) }
  }

  /// The files of a `FileDescriptorSet`, which `protoc --descriptor_set_out` writes: those that others need come first.
  static func files(_ bytes: [UInt8]) throws(SchemaRefusal) -> [(name: String, file: ProtoFile)] {
    try read(bytes) { reader, range throws(PayloadFault) in
      var files: [(name: String, file: ProtoFile)] = []
      try reader.forEach(range) { number, inner throws(PayloadFault) in if number == 1 { files.append(try reader.file(inner)) } }
      return files
    }
  }

  private static func read<Result>(
    _ bytes: [UInt8], _ body: (DescriptorReader, Range<Int>) throws(PayloadFault) -> Result
  ) throws(SchemaRefusal) -> Result {
    let result: Swift.Result<Result, PayloadFault> = bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return .failure(.malformed(at: 0, "there are no bytes")) }
      do throws(PayloadFault) { return .success(try body(DescriptorReader(base: base), 0..<buffer.count)) } catch { return .failure(error) }
    }
    switch result {
    case .success(let value): return value
    case .failure: throw SchemaRefusal("the Protobuf schema is neither the text of a .proto file nor a compiled one")
    }
  }

  // MARK: Messages of descriptor.proto

  private func file(_ range: Range<Int>) throws(PayloadFault) -> (name: String, file: ProtoFile) {
    var name = ""
    var file = ProtoFile()
    var syntax = ""
    try forEach(range) { number, inner throws(PayloadFault) in
      switch number {
      case 1: name = text(inner)
      case 2: file.package = text(inner)
      case 3: file.imports.append(text(inner))
      case 4: file.messages.append(try message(inner, depth: 1))
      case 5: file.enums.append(try enumeration(inner))
      case 12: syntax = text(inner)
      default: break
      }
    }
    file.hasImplicitPresence = syntax == "proto3"
    file.messages = file.messages.map { Self.with(implicitPresence: file.hasImplicitPresence, $0) }
    return (name, file)
  }

  private static func with(implicitPresence: Bool, _ message: ProtoMessage) -> ProtoMessage {
    var message = message
    for index in message.fields.indices where !implicitPresence && !message.fields[index].isRepeated {
      message.fields[index].hasPresence = true
    }
    message.messages = message.messages.map { with(implicitPresence: implicitPresence, $0) }
    return message
  }

  private func message(_ range: Range<Int>, depth: Int) throws(PayloadFault) -> ProtoMessage {
    guard depth <= Self.depthMax else { throw .tooDeep }
    var message = ProtoMessage(name: "")
    try forEach(range) { number, inner throws(PayloadFault) in
      switch number {
      case 1: message.name = text(inner)
      case 2: message.fields.append(try field(inner))
      case 3: message.messages.append(try self.message(inner, depth: depth + 1))
      case 4: message.enums.append(try enumeration(inner))
      case 7: message.isMapEntry = try numbers(inner)[7] == 1
      default: break
      }
    }
    return message
  }

  private func field(_ range: Range<Int>) throws(PayloadFault) -> ProtoField {
    var name = ""
    var typeName = ""
    try forEach(range) { number, inner throws(PayloadFault) in
      if number == 1 { name = text(inner) }
      if number == 6 { typeName = text(inner) }
    }
    let numbers = try numbers(range)
    let scalar = Self.scalars[numbers[5] ?? 0]
    var field = ProtoField(
      name: name, number: Int32(truncatingIfNeeded: numbers[3] ?? 0), type: scalar.map { .scalar($0) } ?? .named(typeName),
      isRepeated: numbers[4] == 3)
    if let oneof = numbers[9] {
      field.oneof = Int32(truncatingIfNeeded: oneof)
      field.hasPresence = true
    }
    return field
  }

  /// `FieldDescriptorProto.Type`.
  private static let scalars: [UInt64: ProtoScalar] = [
    1: .double, 2: .float, 3: .int64, 4: .uint64, 5: .int32, 6: .fixed64, 7: .fixed32, 8: .bool, 9: .string, 12: .bytes, 13: .uint32,
    15: .sfixed32, 16: .sfixed64, 17: .sint32, 18: .sint64,
  ]

  private func enumeration(_ range: Range<Int>) throws(PayloadFault) -> ProtoEnum {
    var result = ProtoEnum(name: "")
    try forEach(range) { number, inner throws(PayloadFault) in
      if number == 1 { result.name = text(inner) }
      guard number == 2 else { return }
      var name = ""
      try forEach(inner) { number, inner throws(PayloadFault) in if number == 1 { name = text(inner) } }
      result.values.append((name, Int32(truncatingIfNeeded: try numbers(inner)[2] ?? 0)))
    }
    return result
  }

  // MARK: Fields

  /// Calls `body` with each field that has a length.
  private func forEach(_ range: Range<Int>, _ body: (Int32, Range<Int>) throws(PayloadFault) -> Void) throws(PayloadFault) {
    var cursor = WireCursor(base: base, at: range.lowerBound, end: range.upperBound)
    while let field = try cursor.field() {
      if field.wireType == WireCursor.length { try body(field.number, field.start..<field.end) }
    }
  }

  private func numbers(_ range: Range<Int>) throws(PayloadFault) -> [Int32: UInt64] {
    var cursor = WireCursor(base: base, at: range.lowerBound, end: range.upperBound)
    var numbers: [Int32: UInt64] = [:]
    while let field = try cursor.field() {
      guard field.wireType == WireCursor.varint else { continue }
      var value = WireCursor(base: base, at: field.start, end: field.end)
      numbers[field.number] = try value.number()
    }
    return numbers
  }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
  }
}
