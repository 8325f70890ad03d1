/// A factor vector as it is stored in Redis: `FRV1`, epoch and count (u32), then float32, all little-endian.
public enum FactorBlob {
  static let magic = Array("FRV1".utf8)
  static let headerBytes = 12

  public static func encode(epoch: UInt32, factors: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headerBytes + 4 * factors.count)
    bytes += magic
    withUnsafeBytes(of: epoch.littleEndian) { bytes += $0 }
    withUnsafeBytes(of: UInt32(factors.count).littleEndian) { bytes += $0 }
    for factor in factors { withUnsafeBytes(of: factor.bitPattern.littleEndian) { bytes += $0 } }
    return bytes
  }

  public static func decode(_ bytes: [UInt8]) throws -> (epoch: UInt32, factors: [Float]) {
    guard bytes.count >= headerBytes, bytes.starts(with: magic) else {
      throw RedisError(.foreign, "a stored vector does not begin with FRV1")
    }
    let word = { (at: Int) in
      UInt32(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) })
    }
    let count = Int(word(8))
    guard bytes.count - headerBytes == 4 * count else {
      throw RedisError(.foreign, "a stored vector of \(count) factors has \(bytes.count) bytes, expected \(headerBytes + 4 * count)")
    }
    return (word(4), (0..<count).map { Float(bitPattern: word(headerBytes + 4 * $0)) })
  }
}
