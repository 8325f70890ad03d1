/// Levels of one page whose maximum is 1: a bit an entry.
struct LevelBits {
  private(set) var count = 0
  private(set) var ones = 0
  private var bytes: [UInt8] = []

  mutating func append(_ isOne: Bool) {
    if count & 7 == 0 { bytes.append(0) }
    if isOne {
      bytes[count >> 3] |= 1 << UInt8(count & 7)
      ones += 1
    }
    count += 1
  }

  mutating func append(_ isOne: Bool, count more: Int) {
    var left = more
    while left > 0, count & 7 != 0 {
      append(isOne)
      left -= 1
    }
    for _ in 0..<(left / 8) { bytes.append(isOne ? 0xFF : 0) }
    let whole = left / 8 * 8
    count += whole
    if isOne { ones += whole }
    for _ in whole..<left { append(isOne) }
  }

  mutating func removeAll() {
    (count, ones) = (0, 0)
    bytes.removeAll(keepingCapacity: true)
  }

  /// Appends the block as it stands in front of the values of a page: its length, then one run.
  func write(to out: ByteBuffer) {
    let lengthAt = out.count
    out.append(littleEndian: 0)
    if ones == 0 || ones == count {
      BitRuns.appendRepeated(ones == 0 ? 0 : 1, count: count, width: 1, to: out)
    } else {
      out.append(varint: UInt64(bytes.count) << 1 | 1)
      bytes.withUnsafeBytes { out.append($0) }
    }
    out.base.storeBytes(of: UInt32(out.count - lengthAt - 4).littleEndian, toByteOffset: lengthAt, as: UInt32.self)
  }
}
