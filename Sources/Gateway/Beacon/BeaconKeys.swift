import HTTPServing

/// The public keys with which web pages send events, each with the origins of the pages that may use it.
///
/// A key is no secret, because every visitor of a page sees it: it tells sites apart, and one that is misused can be taken away.
public struct BeaconKeys: Sendable, Equatable {
  /// Why a text is not a list of keys.
  public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    public let line: Int?
    public let message: String
    public var description: String { line.map { "line \($0): \(message)" } ?? message }
  }

  static let countMax = 1_000
  private static let bytes = 4...64

  private var origins: [String: CORSPolicy] = [:]

  /// Reads lines of `key origin ...`, where `#` begins a comment.
  public init(parsing text: String) throws(Fault) {
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard let key = words.first else { continue }
      func fault(_ message: String) -> Fault { Fault(line: index + 1, message: message) }
      guard Self.bytes.contains(key.utf8.count), key.utf8.allSatisfy(Self.isPlain) else {
        throw fault("a key has \(Self.bytes.lowerBound) to \(Self.bytes.upperBound) letters, digits, hyphens and underscores")
      }
      guard words.count > 1 else { throw fault("write the key and the origins of its pages: `\(key) https://shop.example`") }
      guard origins[key] == nil else { throw fault("the key \(key) is there twice") }
      guard origins.count < Self.countMax else { throw fault("there are more than \(Self.countMax) keys") }
      do throws(CORSPolicy.Fault) { origins[key] = try CORSPolicy(origins: Array(words.dropFirst())) } catch { throw fault("\(error)") }
    }
    guard !origins.isEmpty else { throw Fault(line: nil, message: "there is no key; write lines such as `shop-web https://shop.example`") }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    0x61...0x7A ~= byte | 0x20 || 0x30...0x39 ~= byte || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  /// The pages that may use the key; `nil` for an unknown key.
  func pages(_ key: String) -> CORSPolicy? { origins[key] }
}
