/// Assigns keys to partitions as Kafka's Java producer and librdkafka's `murmur2_random` do.
public enum KafkaPartitioner {
  public static func partition(ofKey key: some Collection<UInt8>, partitions: Int) -> Int32 {
    Int32(Int(murmur2(key) & 0x7fff_ffff) % partitions)
  }

  /// MurmurHash2 (Appleby), 32 bits, with Kafka's seed.
  public static func murmur2(_ bytes: some Collection<UInt8>) -> UInt32 {
    if let hash = bytes.withContiguousStorageIfAvailable({ murmur2($0) }) { return hash }
    return Array(bytes).withUnsafeBufferPointer { murmur2($0) }
  }

  private static func murmur2(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
    var index = 0
    while index + 4 <= bytes.count {
      var word = UInt32(littleEndian: UnsafeRawPointer(bytes.baseAddress! + index).loadUnaligned(as: UInt32.self))
      word &*= multiplier
      word ^= word >> 24
      word &*= multiplier
      hash = (hash &* multiplier) ^ word
      index += 4
    }
    if index < bytes.count {
      for shift in 0..<(bytes.count - index) { hash ^= UInt32(bytes[index + shift]) << UInt32(8 * shift) }
      hash &*= multiplier
    }
    hash ^= hash >> 13
    hash &*= multiplier
    return hash ^ hash >> 15
  }
}
