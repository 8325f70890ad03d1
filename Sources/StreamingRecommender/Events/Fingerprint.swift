/// A 64-bit hash that does not depend on the machine or the process. It multiplies into 128 bits and folds, as wyhash does.
struct Fingerprint {
  private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

  mutating func mix(_ word: UInt64) {
    let product = (value ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: word ^ 0xE703_7ED1_A0B4_28DB)
    value = product.high ^ product.low ^ word
  }

  mutating func mix(_ bytes: [UInt8]) {
    mix(UInt64(bytes.count))
    bytes.withUnsafeBytes { bytes in
      var at = 0
      while at + 8 <= bytes.count {
        mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
        at += 8
      }
      var rest: UInt64 = 0
      while at < bytes.count {
        rest = rest << 8 | UInt64(bytes[at])
        at += 1
      }
      mix(rest)
    }
  }
}

extension Interaction {
  /// What makes the event a repetition of another: its `event_id`, or user, item, type, strength and time of an `add` with a time of its
  /// own. `nil` if it can repeat none, or without harm: a `set` or `delete` has the effect of the last one. An id counts within its user
  /// and item, so nobody can suppress the events of others.
  var fingerprint: UInt64? {
    guard operation == .add || operation == .once else { return nil }
    var hash = Fingerprint()
    hash.mix(user)
    hash.mix(item)
    if let eventID {
      hash.mix(1)
      hash.mix(eventID)
    } else if let typeHash, operation == .add {
      hash.mix(UInt64(typeHash) << 32 | UInt64(strength.bitPattern))
      hash.mix(UInt64(bitPattern: timeMilliseconds))
    } else {
      return nil
    }
    return hash.value
  }
}

extension Sequence<UInt8> {
  /// A 32-bit FNV-1a hash, which is stable across processes and versions, unlike `Hasher`.
  @inline(__always) package var fnv1a: UInt32 { reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 } }
}
