/// Whether bytes are well-formed UTF-8: no surrogates, no overlong forms, nothing above U+10FFFF.
enum UTF8Check {
  static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var position = 0
    let count = bytes.count
    while position < count {
      // Eight ASCII characters a step.
      while position + 8 <= count, bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
        position += 8
      }
      guard position < count else { break }
      let first = bytes[position]
      guard first >= 0x80 else {
        position += 1
        continue
      }
      // The rest of a sequence, and what its second byte may be.
      let (more, second): (Int, ClosedRange<UInt8>)
      switch first {
      case 0xC2...0xDF: (more, second) = (1, 0x80...0xBF)
      case 0xE0: (more, second) = (2, 0xA0...0xBF)
      case 0xED: (more, second) = (2, 0x80...0x9F)
      case 0xE1...0xEF: (more, second) = (2, 0x80...0xBF)
      case 0xF0: (more, second) = (3, 0x90...0xBF)
      case 0xF1...0xF3: (more, second) = (3, 0x80...0xBF)
      case 0xF4: (more, second) = (3, 0x80...0x8F)
      default: return false
      }
      guard position + more < count, second.contains(bytes[position + 1]) else { return false }
      for place in 1..<more where bytes[position + 1 + place] & 0xC0 != 0x80 { return false }
      position += more + 1
    }
    return true
  }
}
