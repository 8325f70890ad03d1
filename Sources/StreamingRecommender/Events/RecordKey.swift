/// How the user is read from a record's key: `input.key`.
enum KeyRule: Equatable, Sendable {
  /// JSON is opened, anything else is the id.
  case auto
  /// The bytes are the id.
  case text
  case json(InputPath)

  init(_ text: String) throws(InputSyntaxFault) {
    switch text {
    case "auto": self = .auto
    case "text": self = .text
    default:
      guard text.hasPrefix("json:") else { throw InputSyntaxFault("allowed: auto, text, or json:PATH such as json:payload.user_id") }
      self = .json(try InputPath(text.dropFirst("json:".count)))
    }
  }
}

/// The form of a key, for messages; it holds no id.
public enum KeyForm: Equatable, Sendable, CustomStringConvertible {
  case text
  case jsonText
  case jsonObject(fields: String)

  public var description: String {
    switch self {
    case .text: "a plain text"
    case .jsonText: "a JSON string"
    case .jsonObject(let fields): "a JSON object with the fields \(fields)"
    }
  }
}

/// Whom a key names.
struct OpenedKey {
  var user: [UInt8]?
  /// Keys of rows name the pair.
  var item: [UInt8]?
  var form: KeyForm
}

extension DecodingRules {
  /// Whether the key, whose bytes are not the user's id, names the user in another form.
  @inline(never) func names(_ user: [UInt8], _ key: [UInt8], of record: Record) -> Bool {
    switch plainKey(of: record, key) {
    case .isJSON: opened(key: key, isUser: user)
    case .json(let json): opened(key: json, isUser: user)
    // The schema of the key is not there yet; the event need not wait for it.
    case .waiting: true
    case .failure: false
    }
  }

  private func opened(key: [UInt8], isUser user: [UInt8]) -> Bool {
    if self.key == .text { return false }
    guard case .success(let opened) = open(key) else { return false }
    return opened.user == user
  }

  /// Reads user and item from a key.
  func open(_ key: [UInt8]) -> Result<OpenedKey, DecodingFailure> {
    guard key.withUnsafeBufferPointer(isValidUTF8) else {
      return .failure(DecodingFailure(.badUTF8, "the key is not UTF-8"))
    }
    let text = OpenedKey(user: key, form: .text)
    if self.key == .text { return .success(text) }
    let first = key.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    if self.key == .auto, first != 0x22, first != 0x7B { return .success(text) }
    return key.withUnsafeBufferPointer { bytes in
      var reader = MappedReader(rules: self, mapping: mapping(for: .keys), bytes: bytes, start: 0)
      do throws(JSONFault) { try reader.readDocument() } catch {
        // Ids may begin with a bracket or a quotation mark, too.
        if self.key == .auto { return .success(text) }
        return .failure(DecodingFailure(.noKey, "the key is not JSON, which input.key expects (\(failure(error).message))"))
      }
      if self.key == .auto, first == 0x22 {
        var scanner = JSONScanner(bytes, from: 0, depthMax: 1)
        scanner.skipSpace()
        return .success(OpenedKey(user: scanner.validatedText(), form: .jsonText))
      }
      do throws(DecodingFailure) {
        let (user, item) = try reader.userAndItem()
        return .success(OpenedKey(user: user, item: item, form: .jsonObject(fields: Self.fieldNames(bytes))))
      } catch { return .failure(error) }
    }
  }

  /// The names of the fields of a validated object, shortened.
  private static func fieldNames(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    var scanner = JSONScanner(bytes, from: 0, depthMax: .max)
    scanner.skipSpace()
    guard scanner.peek() == 0x7B else { return "(none)" }
    var names: [String] = []
    scanner.at += 1
    scanner.skipSpace()
    while scanner.peek() == 0x22, names.count < 8 {
      names.append(String(decoding: scanner.validatedText().prefix(40), as: UTF8.self))
      scanner.skipSpace()
      scanner.at += 1
      guard (try? scanner.skipValue(open: 0)) != nil else { break }
      scanner.skipSpace()
      guard scanner.peek() == 0x2C else { break }
      scanner.at += 1
      scanner.skipSpace()
    }
    return names.isEmpty ? "(none)" : names.joined(separator: ", ")
  }
}
