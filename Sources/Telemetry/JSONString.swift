/// Writes JSON strings; every part of Freshet that writes JSON by hand uses this one.
///
/// Beyond what JSON demands, U+007F to U+009F and the Unicode line breaks are escaped too, so that no text written with it can start
/// a second line or control a terminal. Bytes that are not valid UTF-8 are copied as they are.
public enum JSONString {
  /// Appends `text` in quotes.
  public static func append(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    appendEscaped(text, to: &output)
    output.append(UInt8(ascii: "\""))
  }

  /// Appends UTF-8 `bytes` in quotes.
  public static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    bytes.withUnsafeBufferPointer { appendEscaped($0, quotes: true, to: &output) }
    output.append(UInt8(ascii: "\""))
  }

  /// The inside of a JSON string; without `quotes`, quotation marks and backslashes stay as they are, for people to read.
  public static func escaped(_ text: String, quotes: Bool = true) -> String {
    var output: [UInt8] = []
    output.reserveCapacity(text.utf8.count + 8)
    appendEscaped(text, quotes: quotes, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  private static func appendEscaped(_ text: String, quotes: Bool = true, to output: inout [UInt8]) {
    var text = text
    text.withUTF8 { appendEscaped($0, quotes: quotes, to: &output) }
  }

  /// Copies runs of bytes that need no escape in one piece: identifiers are one such run, and this is on the path of every list.
  private static func appendEscaped(_ bytes: UnsafeBufferPointer<UInt8>, quotes: Bool, to output: inout [UInt8]) {
    var copied = 0
    var at = 0
    while at < bytes.count {
      let length = mayNeedEscape(bytes[at]) ? escapeLength(bytes, at, quotes: quotes) : 0
      guard length > 0 else {
        at += 1
        continue
      }
      output.append(contentsOf: bytes[copied..<at])
      appendEscape(bytes, at, length, to: &output)
      at += length
      copied = at
    }
    output.append(contentsOf: bytes[copied..<bytes.count])
  }

  /// Control characters, the quotation mark, the backslash, DEL, and the first bytes of U+0080 to U+009F and of U+2028 and U+2029.
  @inline(__always) private static func mayNeedEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F || byte == 0xC2 || byte == 0xE2
  }

  /// How many bytes from `at` on form a character that is written as an escape; 0 if there is none.
  private static func escapeLength(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int, quotes: Bool) -> Int {
    switch bytes[at] {
    case 0x22, 0x5C: quotes ? 1 : 0
    case 0xC2: at + 1 < bytes.count && 0x80...0x9F ~= bytes[at + 1] ? 2 : 0
    case 0xE2: at + 2 < bytes.count && bytes[at + 1] == 0x80 && 0xA8...0xA9 ~= bytes[at + 2] ? 3 : 0
    default: 1
    }
  }

  private static func appendEscape(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int, _ length: Int, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\\"))
    switch bytes[at] {
    case 0x22, 0x5C: output.append(bytes[at])
    case 0x0A: output.append(UInt8(ascii: "n"))
    case 0x0D: output.append(UInt8(ascii: "r"))
    case 0x09: output.append(UInt8(ascii: "t"))
    default: appendHexadecimal(length == 3 ? 0x2000 | UInt16(bytes[at + 2] & 0x3F) : UInt16(bytes[at + length - 1]), to: &output)
    }
  }

  private static func appendHexadecimal(_ unit: UInt16, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "u"))
    for shift in [12, 8, 4, 0] as [UInt16] {
      let digit = UInt8(unit >> shift & 15)
      output.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
}
