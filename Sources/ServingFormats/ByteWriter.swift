/// Appends little-endian numbers and varints.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func append(_ value: some Collection<UInt8>) { bytes += value }
  mutating func append(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
  mutating func append(_ value: Float) { append(value.bitPattern) }
  mutating func append(_ value: Double) { append(value.bitPattern) }

  /// The floats as one block of memory.
  mutating func append(_ values: UnsafeBufferPointer<Float>) {
    #if _endian(little)
      bytes += UnsafeRawBufferPointer(values)
    #else
      for value in values { append(value) }
    #endif
  }

  /// LEB128: seven bits a byte, the lowest first, the top bit set in all but the last.
  mutating func appendVarint(_ value: UInt32) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
