import COpenSSL

/// HMAC-SHA-256 (RFC 2104): only the holder of the key can make it.
enum MessageSignature {
  private static let blockBytes = 64

  /// In lower-case hexadecimal.
  static func hex(_ message: [UInt8], key: [UInt8]) -> String {
    let short = key.count > blockBytes ? digest(key) : key
    let block = short + [UInt8](repeating: 0, count: blockBytes - short.count)
    return digest(block.map { $0 ^ 0x5C } + digest(block.map { $0 ^ 0x36 } + message))
      .map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined()
  }

  private static func digest(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { output, count in
      _ = SHA256(bytes, bytes.count, output.baseAddress)
      count = 32
    }
  }
}
