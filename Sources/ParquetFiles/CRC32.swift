/// CRC-32 as gzip computes it, eight bytes a step.
enum CRC32 {
  /// Row k has the remainders of a byte that k zero bytes follow.
  private static let table: [UInt32] = {
    var table = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
      table[byte] = remainder
    }
    for index in 256..<table.count {
      let before = table[index - 256]
      table[index] = before >> 8 ^ table[Int(before & 0xFF)]
    }
    return table
  }()

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    table.withUnsafeBufferPointer { table in
      var remainder = UInt32.max
      var position = 0
      while position + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ UInt64(remainder)
        remainder = 0
        for step in 0..<8 { remainder ^= table[(7 - step) * 256 + Int(word >> (8 * UInt64(step)) & 0xFF)] }
        position += 8
      }
      while position < bytes.count {
        remainder = remainder >> 8 ^ table[Int((remainder ^ UInt32(bytes[position])) & 0xFF)]
        position += 1
      }
      return ~remainder
    }
  }
}
