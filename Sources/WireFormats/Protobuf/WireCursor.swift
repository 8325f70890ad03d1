/// Walks over the fields of an encoded message.
struct WireCursor {
  /// A field as it stands in the bytes: for lengths, the range of the content; otherwise that of the value itself.
  struct Field {
    var number: Int32
    var wireType: UInt8
    var start: Int
    var end: Int
  }

  static let varint: UInt8 = 0
  static let fixed64: UInt8 = 1
  static let length: UInt8 = 2
  static let groupStart: UInt8 = 3
  static let groupEnd: UInt8 = 4
  static let fixed32: UInt8 = 5

  let base: UnsafePointer<UInt8>
  var at: Int
  let end: Int
  var left: Int { end - at }

  /// The next field; `nil` at the end.
  @inline(__always) mutating func field() throws(PayloadFault) -> Field? {
    guard at < end else { return nil }
    let start = at
    let tag = try number()
    guard tag >> 3 > 0, tag >> 3 <= 0x1FFF_FFFF else { throw .malformed(at: start, "the number of a field is out of range") }
    let wireType = UInt8(tag & 7)
    var field = Field(number: Int32(tag >> 3), wireType: wireType, start: at, end: at)
    switch wireType {
    case Self.varint: _ = try number()
    case Self.fixed64: try skip(8)
    case Self.fixed32: try skip(4)
    case Self.length: field.start = try skipContent(from: start)
    case Self.groupStart:
      field.end = try skipGroup(field.number)
      return field
    default: throw .malformed(at: start, "an unknown wire type, or the end of a group that was not begun")
    }
    field.end = at
    return field
  }

  private mutating func skip(_ count: Int) throws(PayloadFault) {
    guard count <= end - at else { throw .malformed(at: at, "the payload ends within a field") }
    at += count
  }

  /// Skips a length and as many bytes, of the field that begins at `start`, and returns where the bytes begin.
  private mutating func skipContent(from start: Int) throws(PayloadFault) -> Int {
    let count = try number()
    guard count <= UInt64(left) else { throw .malformed(at: start, "a length is beyond the payload") }
    defer { at += Int(count) }
    return at
  }

  private static let groupsMax = 100

  /// Skips to behind a group's end and returns where the end begins.
  private mutating func skipGroup(_ number: Int32) throws(PayloadFault) -> Int {
    var open = [number]
    while at < end {
      let start = at
      let tag = try self.number()
      switch UInt8(tag & 7) {
      case Self.varint: _ = try self.number()
      case Self.fixed64: try skip(8)
      case Self.fixed32: try skip(4)
      case Self.length: _ = try skipContent(from: start)
      case Self.groupStart:
        guard open.count < Self.groupsMax else { throw .tooDeep }
        open.append(Int32(truncatingIfNeeded: tag >> 3))
      case Self.groupEnd:
        guard open.popLast() == Int32(truncatingIfNeeded: tag >> 3) else { throw .malformed(at: start, "the ends of groups do not match") }
        if open.isEmpty { return start }
      default: throw .malformed(at: start, "an unknown wire type")
      }
    }
    throw .malformed(at: at, "a group is not ended")
  }

  /// A number of variable length.
  @inline(__always) mutating func number() throws(PayloadFault) -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while at < end, shift < 64 {
      let byte = base[at]
      at += 1
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    throw .malformed(at: at, "a number is not ended")
  }

  static func zigzag(_ number: UInt64) -> Int64 { Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1) }

  func word<Word: FixedWidthInteger>(_ type: Word.Type, at start: Int) -> Word {
    Word(littleEndian: UnsafeRawPointer(base + start).loadUnaligned(as: Word.self))
  }
}
