/// The character encoding of a file.
public enum TextEncoding: String, Sendable, CaseIterable {
  case utf8 = "utf-8"
  case utf16LittleEndian = "utf-16le"
  case utf16BigEndian = "utf-16be"
  /// Windows-1252, which contains the printable characters of ISO 8859-1.
  case latin1 = "latin-1"

  /// The encoding of a file that contains these pieces of its bytes. The first piece is its beginning.
  ///
  /// UTF-16 is told by a byte-order mark or by zero bytes. A file without any valid character of more than one byte, and with more than
  /// one line that is not UTF-8, is Latin-1; single bad bytes in a UTF-8 file are left to the reader of lines.
  static func detected(in pieces: [[UInt8]]) -> TextEncoding {
    guard let head = pieces.first else { return .utf8 }
    if head.starts(with: [0xFF, 0xFE]) { return .utf16LittleEndian }
    if head.starts(with: [0xFE, 0xFF]) { return .utf16BigEndian }
    if head.starts(with: [0xEF, 0xBB, 0xBF]) { return .utf8 }
    let judged = head.prefix(4096)
    var zeros = (even: 0, odd: 0)
    for (index, byte) in judged.enumerated() where byte == 0 { if index % 2 == 0 { zeros.even += 1 } else { zeros.odd += 1 } }
    if zeros.odd * 6 > judged.count, zeros.even * 10 < zeros.odd { return .utf16LittleEndian }
    if zeros.even * 6 > judged.count, zeros.odd * 10 < zeros.even { return .utf16BigEndian }
    var badLines = 0
    for (index, piece) in pieces.enumerated() where piece.withUnsafeBufferPointer({ $0.reduce(0, |) }) >= 0x80 {
      // A piece may begin and end within a character.
      for line in piece.split(separator: 0x0A).dropFirst(index == 0 ? 0 : 1).dropLast(piece.last == 0x0A ? 0 : 1)
      where line.contains(where: { $0 >= 0x80 }) {
        if String(validating: line, as: UTF8.self) != nil { return .utf8 }
        badLines += 1
      }
    }
    return badLines > 1 ? .latin1 : .utf8
  }
}

/// Converts a stream of bytes to UTF-8.
struct TextDecoder {
  let encoding: TextEncoding
  /// The first byte of a pair whose second one has not come yet.
  private var half: UInt8?
  private var highSurrogate: UInt32?

  init(_ encoding: TextEncoding) { self.encoding = encoding }

  /// Appends the text of `bytes` to `output`. A character that is cut off is completed by the next call.
  mutating func decode(_ bytes: some Sequence<UInt8>, into output: inout [UInt8]) {
    switch encoding {
    case .utf8: output += bytes
    case .latin1:
      for byte in bytes {
        Self.append(0x80...0x9F ~= byte ? Self.windows1252[Int(byte - 0x80)] : UInt32(byte), to: &output)
      }
    case .utf16LittleEndian, .utf16BigEndian: for byte in bytes { decode(byte, into: &output) }
    }
  }

  private mutating func decode(_ byte: UInt8, into output: inout [UInt8]) {
    guard let first = half else { return half = byte }
    half = nil
    let unit = encoding == .utf16LittleEndian ? UInt32(byte) << 8 | UInt32(first) : UInt32(first) << 8 | UInt32(byte)
    switch unit {
    case 0xD800..<0xDC00:
      if highSurrogate != nil { Self.append(Self.replacement, to: &output) }
      highSurrogate = unit
    case 0xDC00..<0xE000:
      Self.append(highSurrogate.map { 0x10000 + ($0 - 0xD800) << 10 + (unit - 0xDC00) } ?? Self.replacement, to: &output)
      highSurrogate = nil
    default:
      if highSurrogate != nil { Self.append(Self.replacement, to: &output) }
      highSurrogate = nil
      Self.append(unit, to: &output)
    }
  }

  private static let replacement: UInt32 = 0xFFFD

  private static func append(_ scalar: UInt32, to output: inout [UInt8]) {
    switch scalar {
    case ..<0x80: output.append(UInt8(scalar))
    case ..<0x800:
      output.append(UInt8(0xC0 | scalar >> 6))
      output.append(UInt8(0x80 | scalar & 0x3F))
    case ..<0x10000:
      output.append(UInt8(0xE0 | scalar >> 12))
      output.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      output.append(UInt8(0x80 | scalar & 0x3F))
    default:
      output.append(UInt8(0xF0 | scalar >> 18))
      output.append(UInt8(0x80 | scalar >> 12 & 0x3F))
      output.append(UInt8(0x80 | scalar >> 6 & 0x3F))
      output.append(UInt8(0x80 | scalar & 0x3F))
    }
  }

  /// The characters of bytes 0x80 to 0x9F; the five that Windows-1252 does not define stand for themselves.
  private static let windows1252: [UInt32] = [
    0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
    0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
  ]
}
