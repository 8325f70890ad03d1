import Telemetry

/// Writes one Avro datum as JSON.
///
/// Branches of unions are not wrapped, times are RFC 3339, decimals are numbers, `bytes` and `fixed` are base64. Nothing is allocated by a
/// length that stands in the payload: lengths are compared with the bytes that are left, and counts of elements with the output's bound.
struct AvroReader {
  private let schema: AvroSchema
  private var cursor: WireCursor
  private let depthMax: Int
  private var output: JSONOutput

  private init(_ schema: AvroSchema, _ payload: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>, _ limits: PayloadLimits) {
    self.schema = schema
    cursor = WireCursor(base: base, at: 0, end: payload.count)
    depthMax = limits.depthMax
    output = JSONOutput(sizeMax: limits.jsonBytesMax, expected: payload.count * 3 + 256)
  }

  static func json(
    _ payload: UnsafeBufferPointer<UInt8>, _ schema: AvroSchema, _ limits: PayloadLimits
  ) throws(PayloadFault) -> [UInt8] {
    guard let base = payload.baseAddress else { throw .malformed(at: 0, "there are no bytes") }
    var reader = AvroReader(schema, payload, base, limits)
    try reader.value(schema.root, depth: 0)
    guard reader.cursor.at == reader.cursor.end else { throw .malformed(at: reader.cursor.at, "bytes are left over") }
    try reader.output.checkSize()
    return reader.output.bytes
  }

  // MARK: Values

  private mutating func value(_ index: Int32, depth: Int) throws(PayloadFault) {
    try output.checkSize()
    let node = schema.nodes[Int(index)]
    switch node.kind {
    case .null: output.append("null")
    case .boolean: output.append(try boolean() ? "true" : "false" as StaticString)
    case .int: output.appendNumber(try int())
    case .long: output.appendNumber(try long())
    case .float: output.appendNumber(Float(bitPattern: try fixedWidth(UInt32.self)))
    case .double: output.appendNumber(Double(bitPattern: try fixedWidth(UInt64.self)))
    case .string: output.appendQuoted(try bytes())
    case .bytes: output.appendBase64(try bytes())
    case .fixed: output.appendBase64(try take(Int(node.count)))
    case .enumeration: text(try member(node))
    case .union: try value(try member(node).node, depth: depth)
    case .record: try record(node, depth + 1)
    case .array: try array(node, depth + 1)
    case .map: try map(node, depth + 1)
    default: try logical(node)
    }
  }

  private mutating func text(_ member: AvroSchema.Member) {
    schema.texts.withUnsafeBufferPointer { texts in
      output.append(UnsafeBufferPointer(rebasing: texts[Int(member.textStart)..<Int(member.textStart + member.textCount)]))
    }
  }

  /// The symbol or branch whose number comes next.
  private mutating func member(_ node: AvroSchema.Node) throws(PayloadFault) -> AvroSchema.Member {
    let start = cursor.at
    let index = try long()
    guard 0..<Int64(node.count) ~= index else { throw .malformed(at: start, "the number of a symbol or branch is out of range") }
    return schema.members[Int(node.first) + Int(index)]
  }

  private mutating func record(_ node: AvroSchema.Node, _ depth: Int) throws(PayloadFault) {
    guard depth <= depthMax else { throw .tooDeep }
    if node.count == 0 { output.append(0x7B) }
    for index in node.first..<node.first + node.count {
      let field = schema.members[Int(index)]
      text(field)
      try value(field.node, depth: depth)
    }
    output.append(0x7D)
  }

  private mutating func array(_ node: AvroSchema.Node, _ depth: Int) throws(PayloadFault) {
    guard depth <= depthMax else { throw .tooDeep }
    output.append(0x5B)
    try forEachElement { reader throws(PayloadFault) in try reader.value(node.first, depth: depth) }
    output.append(0x5D)
  }

  private mutating func map(_ node: AvroSchema.Node, _ depth: Int) throws(PayloadFault) {
    guard depth <= depthMax else { throw .tooDeep }
    output.append(0x7B)
    try forEachElement { reader throws(PayloadFault) in
      reader.output.appendQuoted(try reader.bytes())
      reader.output.append(0x3A)
      try reader.value(node.first, depth: depth)
    }
    output.append(0x7D)
  }

  /// Calls `body` at each element of all blocks, with commas between them.
  private mutating func forEachElement(_ body: (inout AvroReader) throws(PayloadFault) -> Void) throws(PayloadFault) {
    var isFirst = true
    while var left = try blockCount() {
      while left > 0 {
        if !isFirst { output.append(0x2C) }
        isFirst = false
        try body(&self)
        left -= 1
      }
    }
  }

  /// The number of elements in the next block; `nil` after the last one.
  private mutating func blockCount() throws(PayloadFault) -> UInt64? {
    let count = try long()
    if count == 0 { return nil }
    // A negative count is followed by the size of the block, by which readers may skip it.
    if count < 0 { _ = try long() }
    return count.magnitude
  }

  // MARK: Logical types

  private mutating func logical(_ node: AvroSchema.Node) throws(PayloadFault) {
    switch node.kind {
    case .date: output.appendDate(daysSince1970: try long())
    case .timestampMilliseconds: try time(1_000, 3, zone: "Z")
    case .timestampMicroseconds: try time(1_000_000, 6, zone: "Z")
    case .timestampNanoseconds: try time(1_000_000_000, 9, zone: "Z")
    case .localMilliseconds: try time(1_000, 3, zone: "")
    case .localMicroseconds: try time(1_000_000, 6, zone: "")
    case .localNanoseconds: try time(1_000_000_000, 9, zone: "")
    case .timeMilliseconds: try timeOfDay(1_000, 3)
    case .timeMicroseconds: try timeOfDay(1_000_000, 6)
    case .timeNanoseconds: try timeOfDay(1_000_000_000, 9)
    case .decimalBytes: try decimal(try bytes(), node)
    case .decimalFixed: try decimal(try take(Int(node.count)), node)
    case .uuidFixed: output.appendUUID(try take(16))
    default: preconditionFailure("\(node.kind) is no logical type")
    }
  }

  private mutating func time(_ unit: Int64, _ digits: Int, zone: StaticString) throws(PayloadFault) {
    let number = try long()
    let (seconds, fraction) = Timestamp.floorDivide(number, unit)
    output.appendTime(seconds: seconds, fraction: fraction, digits: digits, zone: zone)
  }

  private mutating func timeOfDay(_ unit: Int64, _ digits: Int) throws(PayloadFault) {
    let start = cursor.at
    let number = try long()
    guard number >= 0, number / unit < 86_400 else { throw .malformed(at: start, "a time of the day is out of range") }
    output.appendTimeOfDay(seconds: number / unit, fraction: number % unit, digits: digits)
  }

  private mutating func decimal(_ data: UnsafeBufferPointer<UInt8>, _ node: AvroSchema.Node) throws(PayloadFault) {
    guard data.count <= JSONOutput.decimalBytesMax else { throw .malformed(at: cursor.at, "a decimal has more than 64 bytes") }
    output.appendDecimal(data, scale: Int(node.first))
  }

  // MARK: Bytes

  private mutating func take(_ count: Int) throws(PayloadFault) -> UnsafeBufferPointer<UInt8> {
    guard count <= cursor.left else { throw .malformed(at: cursor.at, "the payload ends within a value") }
    defer { cursor.at += count }
    return UnsafeBufferPointer(start: cursor.base + cursor.at, count: count)
  }

  private mutating func bytes() throws(PayloadFault) -> UnsafeBufferPointer<UInt8> {
    let start = cursor.at
    let count = try long()
    guard 0...Int64(cursor.left) ~= count else { throw .malformed(at: start, "the length of a text or of bytes is beyond the payload") }
    return try take(Int(count))
  }

  private mutating func boolean() throws(PayloadFault) -> Bool {
    guard cursor.left > 0, cursor.base[cursor.at] <= 1 else { throw .malformed(at: cursor.at, "a boolean must be 0 or 1") }
    defer { cursor.at += 1 }
    return cursor.base[cursor.at] == 1
  }

  private mutating func fixedWidth<Word: FixedWidthInteger>(_ type: Word.Type) throws(PayloadFault) -> Word {
    let start = cursor.at
    _ = try take(MemoryLayout<Word>.size)
    return cursor.word(type, at: start)
  }

  private mutating func int() throws(PayloadFault) -> Int64 {
    let start = cursor.at
    let number = try long()
    guard Int64(Int32.min)...Int64(Int32.max) ~= number else { throw .malformed(at: start, "an int has more than 32 bits") }
    return number
  }

  /// A zigzag number of variable length.
  @inline(__always) private mutating func long() throws(PayloadFault) -> Int64 { WireCursor.zigzag(try cursor.number()) }
}
