/// Rejects requests whose end two programs could see in different places (request smuggling).
///
/// A proxy that takes the length of a body from another header than this server would take part of it for the next request, possibly of
/// another user. The library is lenient here, so what is ambiguous is refused before it reads the body.
enum MessageFraming {
  /// What is ambiguous about the headers, or `nil`.
  static func fault(_ headers: [(name: String, value: String)], isHTTP10: Bool) -> String? {
    var lengths = 0
    var codings = 0
    var hosts = 0
    for (name, value) in headers {
      guard isToken(name) else { return "a header's name has a character that names cannot have" }
      switch name.utf8.count {
      case 4 where isEqual(name, "host"): hosts += 1
      case 14 where isEqual(name, "content-length"):
        lengths += 1
        guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return "Content-Length is not a number" }
      case 17 where isEqual(name, "transfer-encoding"):
        codings += 1
        guard isEqual(value, "chunked") else { return "Transfer-Encoding is not chunked" }
      default: break
      }
    }
    if lengths > 1 { return "Content-Length is repeated" }
    if codings > 1 { return "Transfer-Encoding is repeated" }
    if codings > 0, lengths > 0 { return "Content-Length and Transfer-Encoding contradict each other" }
    if codings > 0, isHTTP10 { return "HTTP/1.0 has no Transfer-Encoding" }
    if hosts > 1 { return "Host is repeated" }
    return nil
  }

  private static func isEqual(_ text: String, _ lowercased: StaticString) -> Bool {
    lowercased.withUTF8Buffer { expected in
      text.utf8.count == expected.count && zip(text.utf8, expected).allSatisfy { lower($0) == $1 }
    }
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }

  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"),
          UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
          UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
          true
        default: false
        }
      }
  }
}
