import COpenSSL

/// Codes that only who has a key can make.
enum MessageCode {
  private static let blockBytes = 64

  /// RFC 2104.
  static func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    let short = key.count > blockBytes ? digest(key) : key
    let block = short + [UInt8](repeating: 0, count: blockBytes - short.count)
    return digest(block.map { $0 ^ 0x5C } + digest(block.map { $0 ^ 0x36 } + message))
  }

  private static func digest(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { output, count in
      _ = SHA256(bytes, bytes.count, output.baseAddress)
      count = Int(SHA256_DIGEST_LENGTH)
    }
  }
}
