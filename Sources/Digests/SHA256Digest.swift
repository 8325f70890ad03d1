import COpenSSL

/// The SHA-256 digest of some bytes.
public struct SHA256Digest: Sendable, Equatable {
  public static let byteCount = 32
  public let bytes: [UInt8]

  /// - Parameter bytes: 32 of them.
  init(bytes: [UInt8]) {
    precondition(bytes.count == Self.byteCount)
    self.bytes = bytes
  }

  public init(of message: [UInt8]) {
    bytes = [UInt8](unsafeUninitializedCapacity: Self.byteCount) { output, count in
      _ = SHA256(message, message.count, output.baseAddress)
      count = Self.byteCount
    }
  }

  /// 64 hexadecimal digits; `nil` for anything else.
  public init?(hex: some StringProtocol) {
    guard hex.utf8.count == 2 * Self.byteCount else { return nil }
    var bytes: [UInt8] = []
    var rest = hex.utf8.makeIterator()
    while let high = rest.next(), let low = rest.next() {
      guard let byte = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16), high != UInt8(ascii: "+") else { return nil }
      bytes.append(byte)
    }
    self.bytes = bytes
  }

  /// 64 hexadecimal digits in lower case.
  public var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Compares without revealing by its duration how many bytes are equal.
  public func isEqual(_ other: SHA256Digest) -> Bool {
    var difference: UInt8 = 0
    for index in 0..<Self.byteCount { difference |= bytes[index] ^ other.bytes[index] }
    return difference == 0
  }
}
