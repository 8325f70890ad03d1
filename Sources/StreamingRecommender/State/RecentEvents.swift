/// The fingerprints of the newest events of one partition, by which repeated ones are recognized.
///
/// A ring and an open-addressing hash table with linear probing. Both grow with use, up to `capacity` entries.
public struct RecentEvents: Sendable {
  /// Number of events remembered.
  let capacity: Int
  /// In order of arrival from `oldest` on, once the ring is full; 0 is no fingerprint.
  private var ring: [UInt64] = []
  private var oldest = 0
  /// 0 is a free place. The length is a power of two and at least twice the number of entries.
  private var table: [UInt64] = [0, 0]

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { ring.count }
  var oldestFirst: [UInt64] { Array(ring[oldest...] + ring[..<oldest]) }

  /// Adds a fingerprint and drops the oldest one beyond `capacity`. Returns false, and changes nothing, if it is present.
  mutating func insert(_ fingerprint: UInt64) -> Bool {
    let value = fingerprint == 0 ? 1 : fingerprint
    guard capacity > 0 else { return true }
    if table[place(of: value)] != 0 { return false }
    if ring.count < capacity {
      ring.append(value)
      if ring.count * 2 > table.count { rebuild(places: table.count * 4) }
    } else {
      remove(ring[oldest])
      ring[oldest] = value
      oldest = oldest + 1 == capacity ? 0 : oldest + 1
    }
    table[place(of: value)] = value
    return true
  }

  /// Where the value stands, or the free place where it belongs.
  private func place(of value: UInt64) -> Int {
    let mask = table.count - 1
    var at = Int(truncatingIfNeeded: value) & mask
    while table[at] != 0, table[at] != value { at = (at + 1) & mask }
    return at
  }

  private mutating func rebuild(places: Int) {
    table = [UInt64](repeating: 0, count: places)
    for value in ring { table[place(of: value)] = value }
  }

  /// Closes the gap that the value leaves, so that those behind it are still found.
  private mutating func remove(_ value: UInt64) {
    let mask = table.count - 1
    var gap = place(of: value)
    var at = gap
    while true {
      at = (at + 1) & mask
      guard table[at] != 0 else { break }
      let home = Int(truncatingIfNeeded: table[at]) & mask
      guard (at - home) & mask >= (at - gap) & mask else { continue }
      table[gap] = table[at]
      gap = at
    }
    table[gap] = 0
  }
}
