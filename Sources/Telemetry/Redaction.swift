/// The one place that hides secrets: log messages, log fields, errors, URLs and configuration dumps all pass through it.
///
/// When in doubt it masks more: an unquoted secret ends at white space, so what follows a comma is masked as well.
public enum Redaction {
  public static let mask = "***"

  /// Whether a value under this name must never be shown (`sasl.password`, `redis_token`, `Authorization` ...).
  ///
  /// A name that says where a secret is stored (`password_file`) is not sensitive itself.
  public static func isSensitive(name: String) -> Bool {
    isSensitive(lowercasedName: Array(name.utf8).map(lowercased)[...])
  }

  /// The value as it may be shown under that name.
  public static func value(_ value: String, name: String) -> String {
    isSensitive(name: name) ? mask : text(value)
  }

  /// The text with the user part of URLs and the values after sensitive names masked.
  public static func text(_ text: String) -> String {
    let bytes = Array(text.utf8)
    guard mayHoldSecret(bytes) else { return text }
    return String(decoding: maskAssignments(maskUserInfo(bytes)), as: UTF8.self)
  }

  // MARK: - Names

  private static let words: [[UInt8]] = [
    "password", "passwd", "webhook", "passphrase", "secret", "token", "credential", "authorization", "apikey", "api_key", "api-key",
    "access_key",
    "private_key", "key.pem", "jaas.config",
  ].map { Array($0.utf8) }
  private static let harmlessEndings: [[UInt8]] = ["file", "path", "location"].map { Array($0.utf8) }

  private static func isSensitive(lowercasedName name: ArraySlice<UInt8>) -> Bool {
    guard !harmlessEndings.contains(where: { name.reversed().starts(with: $0.reversed()) }) else { return false }
    return words.contains { contains(name, $0) }
  }

  private static func contains(_ text: ArraySlice<UInt8>, _ word: [UInt8]) -> Bool {
    guard text.count >= word.count else { return false }
    return (text.startIndex...(text.endIndex - word.count)).contains { text[$0..<($0 + word.count)].elementsEqual(word) }
  }

  // MARK: - Text

  /// Cheap test for the usual line, which holds neither a URL nor an assignment.
  private static func mayHoldSecret(_ bytes: [UInt8]) -> Bool {
    bytes.contains { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }
  }

  /// `redis://user:password@host` becomes `redis://***@host`.
  ///
  /// The user part reaches to the last `@` of the word: passwords with an unescaped `/` or `@` exist.
  private static func maskUserInfo(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var position = 0
    while position < bytes.count {
      guard bytes[position...].starts(with: "://".utf8) else {
        output.append(bytes[position])
        position += 1
        continue
      }
      output += "://".utf8
      position += 3
      let end = bytes[position...].firstIndex(where: isSpaceOrQuote) ?? bytes.count
      if let at = bytes[position..<end].lastIndex(of: UInt8(ascii: "@")) {
        output += mask.utf8
        position = at
      }
    }
    return output
  }

  /// Masks the x of `sasl.password=x`, `"token": "x"` and `Authorization: Bearer x`.
  private static func maskAssignments(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var position = 0
    while position < bytes.count {
      guard isNameByte(bytes[position]) else {
        output.append(bytes[position])
        position += 1
        continue
      }
      let nameEnd = bytes[position...].firstIndex { !isNameByte($0) } ?? bytes.count
      let name = bytes[position..<nameEnd]
      output += name
      position = nameEnd
      guard isSensitive(lowercasedName: name.map(lowercased)[...]), let value = valueRange(bytes, after: nameEnd) else { continue }
      output += bytes[nameEnd..<value.lowerBound]
      output += mask.utf8
      position = value.upperBound
    }
    return output
  }

  /// The range of the value that follows a name: optional quote, `=` or `:`, optional quote, value.
  private static func valueRange(_ bytes: [UInt8], after nameEnd: Int) -> Range<Int>? {
    var position = nameEnd
    if position < bytes.count, isQuote(bytes[position]) { position += 1 }
    position = skipSpaces(bytes, position)
    guard position < bytes.count, bytes[position] == UInt8(ascii: "=") || bytes[position] == UInt8(ascii: ":") else { return nil }
    position = skipSpaces(bytes, position + 1)
    guard position < bytes.count else { return nil }
    if isQuote(bytes[position]) {
      return (position + 1)..<closingQuote(bytes, from: position + 1, quote: bytes[position])
    }
    var end = wordEnd(bytes, position)
    let scheme = bytes[position..<end].map(lowercased)
    if scheme.elementsEqual("bearer".utf8) || scheme.elementsEqual("basic".utf8) { end = wordEnd(bytes, skipSpaces(bytes, end)) }
    return position..<end
  }

  private static func closingQuote(_ bytes: [UInt8], from start: Int, quote: UInt8) -> Int {
    var position = start
    while position < bytes.count, bytes[position] != quote {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return min(position, bytes.count)
  }

  private static func skipSpaces(_ bytes: [UInt8], _ start: Int) -> Int {
    bytes[start...].firstIndex { $0 != UInt8(ascii: " ") } ?? bytes.count
  }

  private static func wordEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    bytes[start...].firstIndex { $0 <= 0x20 } ?? bytes.count
  }

  private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
  private static func isSpaceOrQuote(_ byte: UInt8) -> Bool { byte <= 0x20 || isQuote(byte) }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): true
    default: false
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}
