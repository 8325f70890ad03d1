/// HMAC-SHA-256 (RFC 2104): only the holder of the key can make it.
public enum HMACSHA256 {
  private static let blockBytes = 64

  public static func code(_ message: [UInt8], key: [UInt8]) -> SHA256Digest {
    let short = key.count > blockBytes ? SHA256Digest(of: key).bytes : key
    let block = short + [UInt8](repeating: 0, count: blockBytes - short.count)
    return SHA256Digest(of: block.map { $0 ^ 0x5C } + SHA256Digest(of: block.map { $0 ^ 0x36 } + message).bytes)
  }
}
