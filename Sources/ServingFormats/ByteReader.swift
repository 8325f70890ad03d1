/// Reads little-endian numbers and varints; every length is checked against what is left.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var left: Int { bytes.count - at }

  mutating func take(_ count: Int) throws(ServingFormatError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= left else { throw ServingFormatError("it ends after \(bytes.count) bytes, \(count - left) too early") }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
  }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(ServingFormatError) -> Number {
    Number(littleEndian: try take(MemoryLayout<Number>.size).loadUnaligned(as: Number.self))
  }

  mutating func float() throws(ServingFormatError) -> Float { Float(bitPattern: try number(UInt32.self)) }
  mutating func double() throws(ServingFormatError) -> Double { Double(bitPattern: try number(UInt64.self)) }

  mutating func floats(_ count: Int) throws(ServingFormatError) -> [Float] {
    guard count >= 0, count <= left / 4 else { throw ServingFormatError("it announces \(count) floats and has \(left) bytes left") }
    let raw = try take(4 * count)
    return [Float](unsafeUninitializedCapacity: count) { buffer, used in
      for index in 0..<count {
        buffer[index] = Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
      }
      used = count
    }
  }

  mutating func varint() throws(ServingFormatError) -> UInt32 {
    var value: UInt32 = 0
    for shift in stride(from: UInt32(0), to: 35, by: 7) {
      let byte = try number(UInt8.self)
      guard shift < 28 || byte < 0x10 else { break }
      value |= UInt32(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw ServingFormatError("it has a number of more than 32 bits")
  }

  mutating func expect(magic: String) throws(ServingFormatError) {
    guard left >= magic.utf8.count, try take(magic.utf8.count).elementsEqual(magic.utf8) else {
      throw ServingFormatError("it does not begin with \(magic)")
    }
  }

  func expectEnd() throws(ServingFormatError) {
    if left > 0 { throw ServingFormatError("\(left) bytes follow its end") }
  }
}
