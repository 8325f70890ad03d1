/// The words, numbers, texts and signs of a .proto file, without comments.
struct ProtoTokens {
  enum Token: Equatable {
    /// A name (with dots) or a number.
    case word(String)
    case text(String)
    case sign(UInt8)
    case end
  }

  private let bytes: [UInt8]
  private var at = 0
  private(set) var line = 1
  private(set) var next = Token.end

  init(_ text: String) throws(SchemaRefusal) {
    bytes = Array(text.utf8)
    try advance()
  }

  func refusal(_ complaint: String) -> SchemaRefusal { SchemaRefusal("the .proto schema, line \(line): \(complaint)") }

  mutating func take() throws(SchemaRefusal) -> Token {
    let token = next
    try advance()
    return token
  }

  /// Takes the token if it is this one.
  mutating func skip(_ token: Token) throws(SchemaRefusal) -> Bool {
    guard next == token else { return false }
    try advance()
    return true
  }

  mutating func skip(_ word: String) throws(SchemaRefusal) -> Bool { try skip(.word(word)) }
  mutating func skip(oneOf words: String...) throws(SchemaRefusal) -> Bool {
    for word in words where try skip(word) { return true }
    return false
  }
  mutating func skip(sign: Character) throws(SchemaRefusal) -> Bool { try skip(.sign(sign.asciiValue ?? 0)) }

  mutating func expect(_ sign: Character) throws(SchemaRefusal) {
    guard try skip(sign: sign) else { throw refusal("expected \(sign)") }
  }

  mutating func word() throws(SchemaRefusal) -> String {
    guard case .word(let word) = next else { throw refusal("expected a name or a number") }
    try advance()
    return word
  }

  mutating func number() throws(SchemaRefusal) -> Int32 {
    let isNegative = try skip(sign: "-")
    let text = try word()
    let digits: (Substring, Int) =
      text.hasPrefix("0x") || text.hasPrefix("0X")
      ? (text.dropFirst(2), 16) : text.count > 1 && text.first == "0" ? (text[...], 8) : (text[...], 10)
    guard let magnitude = Int64(digits.0, radix: digits.1), let number = Int32(exactly: isNegative ? -magnitude : magnitude) else {
      throw refusal("\(text.prefix(40)) is not a number of 32 bits")
    }
    return number
  }

  /// Adjacent texts are one.
  mutating func text() throws(SchemaRefusal) -> String {
    guard case .text = next else { throw refusal("expected a text in quotes") }
    var whole = ""
    while case .text(let part) = next {
      whole += part
      try advance()
    }
    return whole
  }

  /// Skips to behind the sign that ends a statement: a semicolon, or a block in braces.
  mutating func skipStatement() throws(SchemaRefusal) {
    while true {
      switch next {
      case .end: throw refusal("a statement is not ended")
      case .sign(UInt8(ascii: ";")): return try advance()
      case .sign(UInt8(ascii: "{")):
        try skipBlock("{", "}")
        // `option x = { ... };` ends with a semicolon, a block of `service` does not.
        _ = try skip(sign: ";")
        return
      default: try advance()
      }
    }
  }

  /// Skips from an opening bracket to behind its closing one.
  mutating func skipBlock(_ open: Character, _ close: Character) throws(SchemaRefusal) {
    try expect(open)
    var depth = 1
    while depth > 0 {
      switch next {
      case .end: throw refusal("a \(open) is not closed")
      case .sign(open.asciiValue ?? 0): depth += 1
      case .sign(close.asciiValue ?? 0): depth -= 1
      default: break
      }
      try advance()
    }
  }

  // MARK: Bytes

  private mutating func advance() throws(SchemaRefusal) {
    try skipSpace()
    guard at < bytes.count else {
      next = .end
      return
    }
    let byte = bytes[at]
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
      next = .text(try quoted(byte))
    } else if Self.isWordByte(byte) {
      let start = at
      while at < bytes.count, Self.isWordByte(bytes[at]) { at += 1 }
      next = .word(String(decoding: bytes[start..<at], as: UTF8.self))
    } else {
      at += 1
      next = .sign(byte)
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private mutating func skipSpace() throws(SchemaRefusal) {
    while at < bytes.count {
      switch bytes[at] {
      case 0x0A:
        line += 1
        at += 1
      case 0x20, 0x09, 0x0D, 0x0B, 0x0C: at += 1
      case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "/"):
        while at < bytes.count, bytes[at] != 0x0A { at += 1 }
      case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "*"):
        at += 2
        while at + 1 < bytes.count, bytes[at] != UInt8(ascii: "*") || bytes[at + 1] != UInt8(ascii: "/") {
          if bytes[at] == 0x0A { line += 1 }
          at += 1
        }
        guard at + 1 < bytes.count else { throw refusal("a comment is not closed") }
        at += 2
      default: return
      }
    }
  }

  /// The content of a text; escapes are kept as they are, because only names of files and versions are read.
  private mutating func quoted(_ quote: UInt8) throws(SchemaRefusal) -> String {
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != quote, bytes[at] != 0x0A { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
    guard at < bytes.count, bytes[at] == quote else { throw refusal("a text is not closed") }
    defer { at += 1 }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }
}
