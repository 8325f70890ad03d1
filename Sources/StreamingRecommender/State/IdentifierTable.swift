/// Maps string ids to dense indices and back.
///
/// Names are stored in chunks with copy-on-write: after a freeze, the first write to a chunk copies only that chunk. A chunk is compacted
/// when removed names take up most of its bytes. The hash is seeded per process, which prevents hash flooding with chosen ids.
public struct IdentifierTable: Sendable {
  private static let namesPerChunk = 512

  private struct Chunk: Sendable {
    var bytes: [UInt8] = []
    var starts: [UInt32] = []
    var lengths: [UInt16] = []
    /// Bytes of the names that are present.
    var liveBytes = 0

    /// A chunk smaller than this is never compacted.
    static let compactedBytesMin = 4096

    mutating func append(_ name: some Collection<UInt8>) {
      precondition(name.count <= UInt16.max, "an id of \(name.count) bytes")
      starts.append(UInt32(bytes.count))
      lengths.append(UInt16(name.count))
      bytes.append(contentsOf: name)
      liveBytes += name.count
    }

    mutating func replace(_ local: Int, with name: some Collection<UInt8>) {
      precondition(name.count <= UInt16.max, "an id of \(name.count) bytes")
      liveBytes += name.count - Int(lengths[local])
      lengths[local] = 0
      if bytes.count + name.count > max(Self.compactedBytesMin, 2 * liveBytes) { compact() }
      starts[local] = UInt32(bytes.count)
      lengths[local] = UInt16(name.count)
      bytes.append(contentsOf: name)
    }

    private mutating func compact() {
      var kept: [UInt8] = []
      kept.reserveCapacity(liveBytes)
      for local in starts.indices {
        let start = Int(starts[local])
        starts[local] = UInt32(kept.count)
        kept.append(contentsOf: bytes[start..<(start + Int(lengths[local]))])
      }
      bytes = kept
    }
  }

  private var chunks: [Chunk] = []
  /// Open addressing with linear probing: hash in the upper half, index + 1 in the lower half; 0 marks an empty slot.
  private var slots: [UInt64] = [UInt64](repeating: 0, count: 16)
  /// Indices of removed ids, available for reuse.
  private var free: [Int32] = []
  /// Number of indices assigned so far, including those of removed ids.
  public private(set) var capacity = 0

  public init() {}

  /// Number of ids present.
  public var count: Int { capacity - free.count }

  /// Returns the index of `name`, or `nil`. Traps on a frozen copy.
  public func find(_ name: some Collection<UInt8>) -> Int32? {
    precondition(!slots.isEmpty, "a frozen table does not support id lookup")
    return withContiguous(name) { bytes in
      let hash = Self.hash(bytes)
      var slot = Int(hash) & (slots.count - 1)
      while slots[slot] != 0 {
        if UInt32(truncatingIfNeeded: slots[slot] >> 32) == hash, let index = match(slots[slot], bytes) { return index }
        slot = (slot + 1) & (slots.count - 1)
      }
      return nil
    }
  }

  /// Returns the index of `name` and assigns one if the id is new.
  public mutating func intern(_ name: some Collection<UInt8>) -> (index: Int32, isNew: Bool) {
    if let known = find(name) { return (known, false) }
    if (count + 1) * 3 > slots.count * 2 { rehash(slots.count * 2) }
    let index: Int32
    if let recycled = free.popLast() {
      index = recycled
      chunks[Int(index) / Self.namesPerChunk].replace(Int(index) % Self.namesPerChunk, with: name)
    } else {
      index = Int32(capacity)
      append(name)
    }
    insert(hash: withContiguous(name, Self.hash), index: index)
    return (index, true)
  }

  /// Removes the id. Its index may be reused for another id.
  public mutating func remove(_ index: Int32) {
    let hash = withName(index, Self.hash)
    var slot = Int(hash) & (slots.count - 1)
    while UInt32(truncatingIfNeeded: slots[slot]) != UInt32(index) + 1 { slot = (slot + 1) & (slots.count - 1) }
    closeGap(at: slot)
    chunks[Int(index) / Self.namesPerChunk].replace(Int(index) % Self.namesPerChunk, with: EmptyCollection())
    free.append(index)
    if slots.count > 1024, count * 8 < slots.count { rehash(slots.count / 2) }
  }

  /// Whether an id with this index is present.
  public func isPresent(_ index: Int32) -> Bool {
    let chunk = Int(index) / Self.namesPerChunk
    return chunk < chunks.count && chunks[chunk].lengths[Int(index) % Self.namesPerChunk] > 0
  }

  /// The bytes of the id; empty for a removed id.
  public func name(_ index: Int32) -> [UInt8] { withName(index) { Array($0) } }
  public func string(_ index: Int32) -> String { withName(index) { String(decoding: $0, as: UTF8.self) } }

  public func withName<R>(_ index: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    let chunk = chunks[Int(index) / Self.namesPerChunk]
    let local = Int(index) % Self.namesPerChunk
    let start = Int(chunk.starts[local])
    return chunk.bytes.withUnsafeBufferPointer {
      body(UnsafeBufferPointer(rebasing: $0[start..<(start + Int(chunk.lengths[local]))]))
    }
  }

  /// Appends an id when restoring a snapshot; an empty name restores a removed id.
  mutating func restore(_ name: some Collection<UInt8>) {
    let index = Int32(capacity)
    append(name)
    if name.isEmpty {
      free.append(index)
    } else {
      if (count + 1) * 3 > slots.count * 2 { rehash(slots.count * 2) }
      insert(hash: withContiguous(name, Self.hash), index: index)
    }
  }

  /// A copy without the hash slots, which does not support lookup.
  var withoutLookup: IdentifierTable {
    var copy = self
    copy.slots = []
    return copy
  }

  /// Rebuilds the hash slots of a frozen copy.
  mutating func makeLookup() {
    guard slots.isEmpty else { return }
    var size = 16
    while count * 3 > size * 2 { size *= 2 }
    slots = [UInt64](repeating: 0, count: size)
    for index in 0..<Int32(capacity) where isPresent(index) { insert(hash: withName(index, Self.hash), index: index) }
  }

  /// Memory use in bytes, from the capacities of the arrays.
  var bytes: Int {
    chunks.reduce(slots.capacity * 8) { $0 + $1.bytes.capacity + $1.starts.capacity * 4 + $1.lengths.capacity * 2 }
  }

  private func match(_ slot: UInt64, _ bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
    let index = Int32(UInt32(truncatingIfNeeded: slot)) - 1
    return withName(index) { $0.elementsEqual(bytes) } ? index : nil
  }

  private mutating func append(_ name: some Collection<UInt8>) {
    if capacity % Self.namesPerChunk == 0 { chunks.append(Chunk()) }
    chunks[chunks.count - 1].append(name)
    capacity += 1
  }

  private mutating func insert(hash: UInt32, index: Int32) {
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt64(hash) << 32 | UInt64(UInt32(index) + 1)
  }

  /// Backward-shift deletion: keeps probe sequences free of deletion markers.
  private mutating func closeGap(at hole: Int) {
    let mask = slots.count - 1
    var hole = hole
    var next = (hole + 1) & mask
    while slots[next] != 0 {
      let home = Int(slots[next] >> 32) & mask
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
  }

  private mutating func rehash(_ size: Int) {
    let old = slots
    slots = [UInt64](repeating: 0, count: size)
    for slot in old where slot != 0 {
      insert(hash: UInt32(slot >> 32), index: Int32(UInt32(truncatingIfNeeded: slot)) - 1)
    }
  }

  private func withContiguous<R>(_ name: some Collection<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    if let result = name.withContiguousStorageIfAvailable(body) { return result }
    return Array(name).withUnsafeBufferPointer(body)
  }

  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var hasher = Hasher()
    hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }
}
