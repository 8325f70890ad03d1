import Digests

/// The tokens that a server accepts: lines of `name role sha256-hex`, where `#` begins a comment.
///
/// A text that is one single word is accepted, too: it is the token itself, with the role admin.
public struct AccessTokens: Sendable, Equatable {
  /// Why a text is not a list of tokens. It never has what may be a secret.
  public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    public let line: Int?
    public let message: String

    init(line: Int?, _ message: String) {
      self.line = line
      self.message = message
    }

    public var description: String { line.map { "line \($0): \(message)" } ?? message }
  }

  public static let countMax = 1000
  /// Shorter tokens can be guessed.
  public static let tokenBytesMin = 16
  /// The name of a token that stands in its file as it is.
  public static let bareName = "token"

  public private(set) var tokens: [AccessToken] = []

  public init(parsing text: String) throws(Fault) {
    let whole = text.drop { $0.isNewline }
    let end = whole.lastIndex { !$0.isNewline }.map(whole.index(after:)) ?? whole.startIndex
    if end > whole.startIndex, !whole.hasPrefix("#"), !whole[..<end].contains(where: \.isWhitespace) {
      tokens = [try Self.bare(whole[..<end])]
      return
    }
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, line) in lines.enumerated() {
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
      if !words.isEmpty { try append(words, line: index + 1) }
    }
    guard !tokens.isEmpty else { throw Fault(line: nil, "there is no token; `freshet token new NAME ROLE` makes one and its line") }
  }

  private static func bare(_ word: Substring) throws(Fault) -> AccessToken {
    guard word.utf8.count >= tokenBytesMin, word.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw Fault(
        line: nil,
        "the token must be one line of at least \(tokenBytesMin) visible ASCII characters; `openssl rand -hex 32` makes one")
    }
    return AccessToken(name: bareName, role: .admin, digest: SHA256Digest(of: Array(word.utf8)))
  }

  private mutating func append(_ words: [Substring], line: Int) throws(Fault) {
    guard words.count == 3 else {
      throw Fault(line: line, "write `name role sha256`; `freshet token new NAME ROLE` makes a token and its line")
    }
    guard AccessToken.isName(words[0]) else { throw Fault(line: line, Self.nameRule) }
    guard let role = AccessRole(rawValue: String(words[1])) else {
      let roles = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
      throw Fault(line: line, "the role of \(words[0]) must be one of \(roles)")
    }
    guard let digest = SHA256Digest(hex: words[2]) else {
      throw Fault(
        line: line, "what follows the role of \(words[0]) must be the token's SHA-256 in 64 hexadecimal digits, never the token itself")
    }
    guard !tokens.contains(where: { $0.name == words[0] }) else { throw Fault(line: line, "the name \(words[0]) is there twice") }
    guard tokens.count < Self.countMax else { throw Fault(line: line, "there are more than \(Self.countMax) tokens") }
    tokens.append(AccessToken(name: String(words[0]), role: role, digest: digest))
  }

  static let nameRule = "a name has 1 to \(AccessToken.nameBytesMax) of the characters a-z, A-Z, 0-9, `-`, `_`, `.` and `@`"

  /// The token that was sent. The duration does not tell which of them is similar: digests are compared, and all of them.
  public func find(_ sent: [UInt8]) -> AccessToken? {
    let digest = SHA256Digest(of: sent)
    var found: Int?
    for (index, token) in tokens.enumerated() where token.digest.isEqual(digest) { found = index }
    return found.map { tokens[$0] }
  }
}
