/// The hybrid of run lengths and packed bits in which Parquet writes levels and the numbers of dictionary values.
///
/// One run a block is enough: a repeated value if all are equal, else packed bits, the lowest first, padded to a multiple of eight values.
enum BitRuns {
  /// Bits that hold every number below `count`.
  static func width(count: Int) -> Int { count < 2 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount }

  /// Appends the runs of these values, each of `width` bits at most.
  static func append(_ values: UnsafeBufferPointer<UInt32>, width: Int, to out: ByteBuffer) {
    guard let first = values.first else { return }
    if width == 0 || isConstant(values, first) {
      appendRepeated(first, count: values.count, width: width, to: out)
    } else {
      appendPacked(values, width: width, to: out)
    }
  }

  private static func isConstant(_ values: UnsafeBufferPointer<UInt32>, _ first: UInt32) -> Bool {
    for index in 0..<values.count where values[index] != first { return false }
    return true
  }

  static func appendRepeated(_ value: UInt32, count: Int, width: Int, to out: ByteBuffer) {
    out.append(varint: UInt64(count) << 1)
    for byte in 0..<((width + 7) / 8) { out.append(UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte)))) }
  }

  private static func appendPacked(_ values: UnsafeBufferPointer<UInt32>, width: Int, to out: ByteBuffer) {
    let groups = (values.count + 7) / 8
    out.append(varint: UInt64(groups) << 1 | 1)
    let bytes = groups * width
    // Four bytes more, because whole words are stored.
    let target = out.reserve(bytes + 4)
    var (pending, bits, position) = (UInt64(0), 0, 0)
    for index in 0..<values.count {
      pending |= UInt64(values[index]) << UInt64(bits)
      bits += width
      if bits >= 32 {
        target.storeBytes(of: UInt32(truncatingIfNeeded: pending).littleEndian, toByteOffset: position, as: UInt32.self)
        position += 4
        pending >>= 32
        bits -= 32
      }
    }
    while position < bytes {
      target.storeBytes(of: UInt8(truncatingIfNeeded: pending), toByteOffset: position, as: UInt8.self)
      position += 1
      pending >>= 8
    }
    out.advance(bytes)
  }
}
