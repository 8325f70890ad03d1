/// Short hashes that every program can compute, for what is recognised again and not for secrets.
enum StableHash {
  /// FNV-1a of 64 bits, whose halves are combined by exclusive or until as many bits are left as wanted.
  static func fold32(_ text: String) -> UInt32 {
    let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    return UInt32(truncatingIfNeeded: hash >> 32 ^ hash)
  }

  static func fold16(_ text: String) -> UInt16 {
    let hash = fold32(text)
    return UInt16(truncatingIfNeeded: hash >> 16 ^ hash)
  }

  static func fold8(_ text: String) -> UInt8 {
    let hash = fold16(text)
    return UInt8(truncatingIfNeeded: hash >> 8 ^ hash)
  }

  /// CRC-64/XZ, which finds damage but no forgery.
  static func crc64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    ~bytes.reduce(UInt64.max) { crc64Table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }

  private static let crc64Table: [UInt64] = (0..<256).map { byte in
    (0..<8).reduce(UInt64(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xC96C_5795_D787_0F42 : value >> 1 }
  }
}
