/// Writes one Protobuf message as JSON, with the names of the .proto file.
///
/// Fields may stand in any order and parts of a list apart from one another, so a message is first indexed and then written. Absent fields
/// are left out; of fields without presence, only enums are written where they are absent, because their first symbol is a value like any
/// other.
struct ProtobufReader {
  /// A field that was found.
  private struct Occurrence {
    var start: Int32
    var end: Int32
    var wireType: UInt8
    /// The next one of the same field, or -1.
    var next: Int32
  }

  private let schema: ProtobufSchema
  private let base: UnsafePointer<UInt8>
  private let depthMax: Int
  private var output: JSONOutput
  /// The first and last occurrence of each field of the messages that are open.
  private var slots: [(first: Int32, last: Int32)] = []
  private var occurrences: [Occurrence] = []
  private var work = 0
  private static let empty: (first: Int32, last: Int32) = (-1, -1)

  static func json(
    _ payload: UnsafeBufferPointer<UInt8>, _ schema: ProtobufSchema, message: Int32, _ limits: PayloadLimits
  ) throws(PayloadFault) -> [UInt8] {
    // An empty message has no bytes.
    guard let base = payload.baseAddress, payload.count > 0 else { return try json(ofEmpty: schema, message, limits) }
    return try json(base, payload.count, schema, message, limits)
  }

  private static func json(ofEmpty schema: ProtobufSchema, _ message: Int32, _ limits: PayloadLimits) throws(PayloadFault) -> [UInt8] {
    let result: Result<[UInt8], PayloadFault> = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { buffer in
      buffer[0] = 0
      guard let base = buffer.baseAddress else { preconditionFailure("an allocation without an address") }
      do throws(PayloadFault) { return .success(try json(base, 0, schema, message, limits)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private static func json(
    _ base: UnsafePointer<UInt8>, _ count: Int, _ schema: ProtobufSchema, _ message: Int32, _ limits: PayloadLimits
  ) throws(PayloadFault) -> [UInt8] {
    // Messages that are written as something else (`Value`, `Struct`) are deeper than their JSON, whose depth its reader checks.
    var reader = ProtobufReader(
      schema: schema, base: base, depthMax: limits.depthMax * 3 + 8,
      output: JSONOutput(sizeMax: limits.jsonBytesMax, expected: count * 3 + 256))
    reader.occurrences.append(Occurrence(start: 0, end: Int32(count), wireType: WireCursor.length, next: -1))
    try reader.message(message, from: 0, isMerged: false, depth: 1)
    try reader.output.checkSize()
    return reader.output.bytes
  }

  // MARK: Messages

  /// Writes the message that the occurrence holds; with `isMerged`, that of it and all after it, which are parts of one message.
  private mutating func message(_ index: Int32, from first: Int32, isMerged: Bool, depth: Int) throws(PayloadFault) {
    try output.checkSize()
    guard depth <= depthMax else { throw .tooDeep }
    let message = schema.messages[Int(index)]
    try spend(message)
    let slotBase = slots.count
    let occurrenceBase = occurrences.count
    slots.append(contentsOf: repeatElement(Self.empty, count: Int(message.count)))
    var part = first
    repeat {
      let range = occurrences[Int(part)]
      try collect(message, slotBase, range)
      part = isMerged ? range.next : -1
    } while part >= 0
    try write(message, slotBase, depth)
    slots.removeLast(Int(message.count))
    occurrences.removeLast(occurrences.count - occurrenceBase)
  }

  /// The work for a message grows with the fields of its schema, however small the message is; its sum is bounded as the output is.
  private mutating func spend(_ message: ProtobufSchema.Message) throws(PayloadFault) {
    work += Int(message.count)
    guard work <= output.sizeMax else { throw .tooLarge }
  }

  private mutating func collect(_ message: ProtobufSchema.Message, _ slotBase: Int, _ range: Occurrence) throws(PayloadFault) {
    var cursor = WireCursor(base: base, at: Int(range.start), end: Int(range.end))
    while let found = try cursor.field() {
      let place = schema.place(of: found.number, in: message)
      guard place >= 0 else { continue }
      let field = schema.fields[Int(message.first + place)]
      // A value of another type than the schema says is an unknown field, as the specification asks.
      guard Self.fits(found.wireType, field) else { continue }
      if field.oneof >= 0 {
        try spend(message)
        clearOthers(of: field, message, slotBase)
      }
      let next = Int32(occurrences.count)
      occurrences.append(
        Occurrence(start: Int32(found.start), end: Int32(found.end), wireType: found.wireType, next: -1))
      let slot = slotBase + Int(place)
      if slots[slot].first < 0 { slots[slot].first = next } else { occurrences[Int(slots[slot].last)].next = next }
      slots[slot].last = next
    }
  }

  /// Of the fields of a `oneof` the last one counts.
  private mutating func clearOthers(of field: ProtobufSchema.Field, _ message: ProtobufSchema.Message, _ slotBase: Int) {
    for place in 0..<Int(message.count) where slots[slotBase + place].first >= 0 {
      let other = schema.fields[Int(message.first) + place]
      if other.oneof == field.oneof, other.number != field.number { slots[slotBase + place] = (-1, -1) }
    }
  }

  private static func fits(_ wireType: UInt8, _ field: ProtobufSchema.Field) -> Bool {
    if wireType == WireCursor.length, field.isRepeated { return true }
    switch field.kind {
    case .double, .fixed64, .sfixed64: return wireType == WireCursor.fixed64
    case .float, .fixed32, .sfixed32: return wireType == WireCursor.fixed32
    case .string, .bytes: return wireType == WireCursor.length
    case .message: return wireType == WireCursor.length || wireType == WireCursor.groupStart
    default: return wireType == WireCursor.varint
    }
  }

  private mutating func write(_ message: ProtobufSchema.Message, _ slotBase: Int, _ depth: Int) throws(PayloadFault) {
    if message.wellKnown != .none { return try wellKnown(message, slotBase, depth) }
    output.append(0x7B)
    var isFirst = true
    for place in 0..<Int(message.count) {
      let field = schema.fields[Int(message.first) + place]
      let slot = slots[slotBase + place]
      guard slot.first >= 0 || field.showsZero else { continue }
      if !isFirst { output.append(0x2C) }
      isFirst = false
      text(field.textStart, field.textCount)
      if slot.first < 0 { zero(field) } else { try write(field, slot, depth) }
    }
    output.append(0x7D)
  }

  private mutating func text(_ start: Int32, _ count: Int32) {
    schema.texts.withUnsafeBufferPointer { output.append(UnsafeBufferPointer(rebasing: $0[Int(start)..<Int(start + count)])) }
  }

  // MARK: Fields

  private mutating func write(
    _ field: ProtobufSchema.Field, _ slot: (first: Int32, last: Int32), _ depth: Int
  ) throws(PayloadFault) {
    if field.isMap { return try map(field, slot.first, depth + 1) }
    if field.isRepeated { return try list(field, slot.first, depth + 1) }
    if field.kind == .message { return try message(field.type, from: slot.first, isMerged: true, depth: depth + 1) }
    // Of a value that is there several times the last one counts.
    let last = occurrences[Int(slot.last)]
    try scalar(field, at: Int(last.start), end: Int(last.end))
  }

  private mutating func list(_ field: ProtobufSchema.Field, _ first: Int32, _ depth: Int) throws(PayloadFault) {
    guard depth <= depthMax else { throw .tooDeep }
    output.append(0x5B)
    let start = output.bytes.count
    var index = first
    while index >= 0 {
      let part = occurrences[Int(index)]
      if field.kind == .message {
        if output.bytes.count > start { output.append(0x2C) }
        try message(field.type, from: index, isMerged: false, depth: depth + 1)
      } else if part.wireType == WireCursor.length, field.kind != .string, field.kind != .bytes {
        try packed(field, part, start)
      } else {
        if output.bytes.count > start { output.append(0x2C) }
        try scalar(field, at: Int(part.start), end: Int(part.end))
      }
      index = part.next
    }
    output.append(0x5D)
  }

  private mutating func packed(_ field: ProtobufSchema.Field, _ part: Occurrence, _ start: Int) throws(PayloadFault) {
    var at = Int(part.start)
    let end = Int(part.end)
    while at < end {
      if output.bytes.count > start { output.append(0x2C) }
      switch field.kind {
      case .double, .fixed64, .sfixed64:
        guard end - at >= 8 else { throw .malformed(at: at, "a packed list ends within a value") }
        try scalar(field, at: at, end: at + 8)
        at += 8
      case .float, .fixed32, .sfixed32:
        guard end - at >= 4 else { throw .malformed(at: at, "a packed list ends within a value") }
        try scalar(field, at: at, end: at + 4)
        at += 4
      default:
        var cursor = WireCursor(base: base, at: at, end: end)
        _ = try cursor.number()
        try scalar(field, at: at, end: cursor.at)
        at = cursor.at
      }
    }
  }

  private mutating func map(_ field: ProtobufSchema.Field, _ first: Int32, _ depth: Int) throws(PayloadFault) {
    guard depth <= depthMax else { throw .tooDeep }
    let entry = schema.messages[Int(field.type)]
    let key = schema.fields[Int(entry.first)]
    output.append(0x7B)
    var index = first
    while index >= 0 {
      if index != first { output.append(0x2C) }
      let slotBase = slots.count
      let occurrenceBase = occurrences.count
      slots.append(contentsOf: repeatElement(Self.empty, count: Int(entry.count)))
      try collect(entry, slotBase, occurrences[Int(index)])
      try name(key, slots[slotBase])
      output.append(0x3A)
      // The value's type may be one that nothing defines.
      if entry.count < 2 {
        output.append("null")
      } else if slots[slotBase + 1].first < 0 {
        zero(schema.fields[Int(entry.first) + 1])
      } else {
        try write(schema.fields[Int(entry.first) + 1], slots[slotBase + 1], depth)
      }
      slots.removeLast(Int(entry.count))
      occurrences.removeLast(occurrences.count - occurrenceBase)
      index = occurrences[Int(index)].next
    }
    output.append(0x7D)
  }

  /// The key of an entry, which in JSON is always a text.
  private mutating func name(_ key: ProtobufSchema.Field, _ slot: (first: Int32, last: Int32)) throws(PayloadFault) {
    let isText = key.kind == .string || key.kind == .bytes
    if !isText { output.append(0x22) }
    if slot.first < 0 {
      zero(key)
    } else {
      let last = occurrences[Int(slot.last)]
      try scalar(key, at: Int(last.start), end: Int(last.end))
    }
    if !isText { output.append(0x22) }
  }

  // MARK: Values

  private mutating func scalar(_ field: ProtobufSchema.Field, at start: Int, end: Int) throws(PayloadFault) {
    try output.checkSize()
    var cursor = WireCursor(base: base, at: start, end: end)
    switch field.kind {
    case .string: output.appendQuoted(UnsafeBufferPointer(start: base + start, count: end - start))
    case .bytes: output.appendBase64(UnsafeBufferPointer(start: base + start, count: end - start))
    case .double: output.appendNumber(Double(bitPattern: cursor.word(UInt64.self, at: start)))
    case .float: output.appendNumber(Float(bitPattern: cursor.word(UInt32.self, at: start)))
    case .fixed64: output.appendNumber(cursor.word(UInt64.self, at: start))
    case .sfixed64: output.appendNumber(cursor.word(Int64.self, at: start))
    case .fixed32: output.appendNumber(UInt64(cursor.word(UInt32.self, at: start)))
    case .sfixed32: output.appendNumber(Int64(cursor.word(Int32.self, at: start)))
    case .int64: output.appendNumber(Int64(bitPattern: try cursor.number()))
    case .int32: output.appendNumber(Int64(Int32(truncatingIfNeeded: try cursor.number())))
    case .uint64: output.appendNumber(try cursor.number())
    case .uint32: output.appendNumber(UInt64(UInt32(truncatingIfNeeded: try cursor.number())))
    case .sint64: output.appendNumber(WireCursor.zigzag(try cursor.number()))
    case .sint32: output.appendNumber(Int64(Int32(truncatingIfNeeded: WireCursor.zigzag(try cursor.number()))))
    case .bool: output.append(try cursor.number() == 0 ? "false" : "true" as StaticString)
    case .enumeration: symbol(Int32(truncatingIfNeeded: try cursor.number()), field.type)
    case .message: preconditionFailure("a message is no scalar")
    }
  }

  private mutating func symbol(_ number: Int32, _ type: Int32) {
    guard let symbol = schema.symbol(number, of: type) else { return output.appendNumber(Int64(number)) }
    text(symbol.textStart, symbol.textCount)
  }

  /// What an absent value means.
  private mutating func zero(_ field: ProtobufSchema.Field) {
    switch field.kind {
    case .string, .bytes: output.append("\"\"")
    case .bool: output.append("false")
    case .enumeration: symbol(0, field.type)
    case .message: output.append("{}")
    default: output.append(0x30)
    }
  }

  // MARK: Well-known types

  private mutating func wellKnown(_ message: ProtobufSchema.Message, _ slotBase: Int, _ depth: Int) throws(PayloadFault) {
    switch message.wellKnown {
    case .none: preconditionFailure("a message without a form of its own")
    case .timestamp, .duration:
      let (seconds, nanoseconds) = (try integer(message, slotBase, 0), try integer(message, slotBase, 1))
      if message.wellKnown == .duration { return duration(seconds, nanoseconds) }
      guard 0..<1_000_000_000 ~= nanoseconds else { throw .malformed(at: 0, "the nanoseconds of a Timestamp are out of range") }
      output.appendTime(seconds: seconds, fraction: nanoseconds, digits: nanoseconds % 1_000_000 == 0 ? 3 : 9, zone: "Z")
    case .decimal: try decimal(message, slotBase)
    case .wrapper, .structure, .list: try first(message, slotBase, depth)
    case .value: try value(message, slotBase, depth)
    }
  }

  private func integer(_ message: ProtobufSchema.Message, _ slotBase: Int, _ place: Int) throws(PayloadFault) -> Int64 {
    guard place < Int(message.count), slots[slotBase + place].last >= 0 else { return 0 }
    let last = occurrences[Int(slots[slotBase + place].last)]
    var cursor = WireCursor(base: base, at: Int(last.start), end: Int(last.end))
    return Int64(bitPattern: try cursor.number())
  }

  private mutating func duration(_ seconds: Int64, _ nanoseconds: Int64) {
    output.append(0x22)
    if seconds < 0 || nanoseconds < 0 { output.append(0x2D) }
    output.appendNumber(seconds.magnitude)
    if nanoseconds != 0 {
      output.append(0x2E)
      output.appendDigits(Int64(nanoseconds.magnitude % 1_000_000_000), 9)
    }
    output.append("s\"")
  }

  private mutating func decimal(_ message: ProtobufSchema.Message, _ slotBase: Int) throws(PayloadFault) {
    let scale = try integer(message, slotBase, 2)
    guard 0...100 ~= scale, slots[slotBase].last >= 0 else { return output.append(0x30) }
    let last = occurrences[Int(slots[slotBase].last)]
    let bytes = UnsafeBufferPointer(start: base + Int(last.start), count: Int(last.end - last.start))
    guard bytes.count <= JSONOutput.decimalBytesMax else { throw .malformed(at: Int(last.start), "a decimal has more than 64 bytes") }
    output.appendDecimal(bytes, scale: Int(scale))
  }

  /// Writes the only field of a message in place of the message.
  private mutating func first(_ message: ProtobufSchema.Message, _ slotBase: Int, _ depth: Int) throws(PayloadFault) {
    guard message.count > 0 else { return output.append("null") }
    let field = schema.fields[Int(message.first)]
    if slots[slotBase].first >= 0 { return try write(field, slots[slotBase], depth) }
    if field.isMap { return output.append("{}") }
    if field.isRepeated { return output.append("[]") }
    zero(field)
  }

  /// Writes what a `google.protobuf.Value` holds.
  private mutating func value(_ message: ProtobufSchema.Message, _ slotBase: Int, _ depth: Int) throws(PayloadFault) {
    for place in 0..<Int(message.count) where slots[slotBase + place].first >= 0 {
      let field = schema.fields[Int(message.first) + place]
      if field.kind == .enumeration { return output.append("null") }
      return try write(field, slots[slotBase + place], depth)
    }
    output.append("null")
  }
}
