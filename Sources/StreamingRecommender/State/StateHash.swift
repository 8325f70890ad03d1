/// A 128-bit hash of a state; equal states have equal hashes. Printed as 32 hexadecimal digits.
public struct StateHash: Equatable, Sendable, CustomStringConvertible {
  public var high: UInt64 = 0
  public var low: UInt64 = 0
  public init() {}

  public var description: String { Self.hex(high) + Self.hex(low) }

  private static func hex(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Combines with another hash; independent of order.
  mutating func add(_ part: StateHash) {
    low = low &+ part.low
    high = high &+ part.high
  }
}

/// Hashes a sequence of words; depends on their order. Runs two SplitMix64 finalisers with different constants.
struct HashMixer {
  private var a: UInt64 = 0x243F_6A88_85A3_08D3
  private var b: UInt64 = 0x1319_8A2E_0370_7344

  mutating func mix(_ word: UInt64) {
    a = Self.scramble((a ^ word) &* 0x9E37_79B9_7F4A_7C15)
    b = Self.scramble((b &+ word) &* 0xC2B2_AE3D_27D4_EB4F)
  }

  mutating func mix(_ bytes: UnsafeBufferPointer<UInt8>) {
    mix(UInt64(bytes.count))
    var word: UInt64 = 0
    for (index, byte) in bytes.enumerated() {
      word |= UInt64(byte) << (8 * UInt64(index % 8))
      if index % 8 == 7 {
        mix(word)
        word = 0
      }
    }
    if bytes.count % 8 != 0 { mix(word) }
  }

  var result: StateHash {
    var hash = StateHash()
    hash.high = Self.scramble(a &+ b)
    hash.low = Self.scramble(b ^ (a << 1))
    return hash
  }

  private static func scramble(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension EngineState {
  /// Hashes the whole state: users, pairs, strengths, timestamps, operations, seen items and counts. Visits every user.
  ///
  /// Independent of indices, arrival order and memory layout.
  public func hash() -> StateHash {
    let itemHashes = (0..<Int32(catalogue.items.capacity)).map { item in
      catalogue.items.withName(item) { name in
        var mixer = HashMixer()
        mixer.mix(name)
        return mixer.result
      }
    }
    var total = StateHash()
    for partition in users.partitions where partition.count > 0 {
      let hash = partition.hash(itemHashes)
      var mixer = HashMixer()
      mixer.mix(UInt64(partition.number))
      mixer.mix(hash.high)
      mixer.mix(hash.low)
      total.add(mixer.result)
    }
    var counts = HashMixer()
    counts.mix(eventsApplied)
    counts.mix(UInt64(users.pairCount))
    counts.mix(UInt64(users.count))
    total.add(counts.result)
    return total
  }
}

extension UserPartition {
  /// The sum of the hashes of the users.
  ///
  /// - Parameter itemHashes: the hash of each item id, by item index.
  func hash(_ itemHashes: [StateHash]) -> StateHash {
    var total = StateHash()
    for user in 0..<Int32(capacity) where ids.isPresent(user) { add(user, itemHashes, to: &total) }
    return total
  }

  private func add(_ user: Int32, _ itemHashes: [StateHash], to total: inout StateHash) {
    var userMixer = HashMixer()
    ids.withName(user) { userMixer.mix($0) }
    total.add(userMixer.result)
    let history = history(user)
    for pair in history.pairs {
      var mixer = userMixer
      mixer.mix(itemHashes[Int(pair.item)].low)
      mixer.mix(UInt64(pair.strength.bitPattern))
      mixer.mix(UInt64(bitPattern: pair.rawWord))
      if let barrier = history.barrier(pair.item) { mixer.mix(UInt64(bitPattern: barrier.word)) }
      total.add(mixer.result)
    }
    for item in history.evicted {
      var mixer = userMixer
      mixer.mix(itemHashes[Int(item)].high)
      total.add(mixer.result)
    }
  }
}
