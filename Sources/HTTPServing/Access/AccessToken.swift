import Digests

/// A named token with a role. Only the digest of the token is known.
public struct AccessToken: Sendable, Equatable {
  /// For logs, limits and the audit log.
  public let name: String
  public let role: AccessRole
  let digest: SHA256Digest

  /// A token that has just been made.
  public struct New: Sendable {
    /// To be shown once; it is stored nowhere.
    public let token: String
    /// For the file of tokens, without a line break.
    public let line: String
  }

  /// Makes a token of 32 random bytes.
  public static func make(name: String, role: AccessRole) throws(AccessTokens.Fault) -> New {
    guard isName(name) else { throw AccessTokens.Fault(line: nil, AccessTokens.nameRule + ", not \"\(name.prefix(80))\"") }
    var generator = SystemRandomNumberGenerator()
    let random: [UInt8] = (0..<4).flatMap { _ in
      let word = generator.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
    let token = prefix + base64URL(random)
    return New(token: token, line: "\(name) \(role.rawValue) \(SHA256Digest(of: Array(token.utf8)).hex)")
  }

  /// Lets scanners for leaked secrets recognise a token.
  static let prefix = "freshet_"
  static let nameBytesMax = 64

  static func isName(_ name: some StringProtocol) -> Bool {
    1...nameBytesMax ~= name.utf8.count
      && name.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "@"): true
        default: false
        }
      }
  }

  /// Base 64 with the alphabet for URLs, without padding.
  private static func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var output: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        output.append(alphabet[Int(bits >> UInt32(count) & 63)])
      }
    }
    if count > 0 { output.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    return String(decoding: output, as: UTF8.self)
  }
}
