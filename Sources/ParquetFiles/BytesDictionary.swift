/// An array from the caller's numbers of values to those of a dictionary, plus one; 0 for none.
@usableFromInline struct KnownNumbers {
  @usableFromInline var slots: UnsafeMutablePointer<UInt32>
  @usableFromInline var count: Int
}

/// The distinct values of one group of a column of bytes, numbered in the order in which they came.
///
/// A value is found by the number that the caller has for it, through an array, or else by its bytes, through a hash table.
final class BytesDictionary {
  /// Numbers from here on are found by their bytes, so that one large number does not take gigabytes.
  static let knownMax = 1 << 24

  private let bytesMax: Int
  /// The dictionary as it is stored: each value after its length.
  private let stored = ByteBuffer()
  private var starts: [UInt32] = []
  /// Open addressing: number + 1 of an entry, 0 for none.
  private var slots: [UInt32] = []
  /// How many entries are in `slots`; the others were found by the caller's number.
  private var hashed = 0
  private let seed = UInt64.random(in: .min ... .max) | 1
  /// The caller's numbers in `known`, so that a new group clears only these.
  private var knownNumbers: [UInt32] = []
  let known: UnsafeMutablePointer<KnownNumbers>
  private(set) var range = BytesRange()

  init(bytesMax: Int) {
    self.bytesMax = bytesMax
    known = .allocate(capacity: 1)
    known.initialize(to: KnownNumbers(slots: .allocate(capacity: 0), count: 0))
  }

  deinit {
    known.pointee.slots.deallocate()
    known.deallocate()
  }

  var count: Int { starts.count }
  var bytes: UnsafeRawBufferPointer { stored.bytes }

  /// Forgets where values are found; what is stored stays.
  func close() {
    for number in knownNumbers { known.pointee.slots[Int(number)] = 0 }
    knownNumbers.removeAll(keepingCapacity: true)
    for slot in slots.indices { slots[slot] = 0 }
    hashed = 0
  }

  func reset() {
    close()
    stored.removeAll()
    starts.removeAll(keepingCapacity: true)
    range = BytesRange()
  }

  /// Adds a value that the caller numbers and that is not known yet; `nil` if there is no room.
  func add(_ bytes: UnsafeRawBufferPointer, known number: Int) -> UInt32? {
    guard number < Self.knownMax else { return self.number(of: bytes) }
    guard let index = store(bytes) else { return nil }
    if number >= known.pointee.count { grow(toKnow: number) }
    known.pointee.slots[number] = index + 1
    knownNumbers.append(UInt32(number))
    return index
  }

  /// Finds or adds a value by its bytes; `nil` if there is no room.
  func number(of bytes: UnsafeRawBufferPointer) -> UInt32? {
    if slots.isEmpty { slots = [UInt32](repeating: 0, count: 1024) }
    var slot = Int(truncatingIfNeeded: hash(bytes)) & (slots.count - 1)
    while slots[slot] != 0 {
      if isEqual(slots[slot] - 1, bytes) { return slots[slot] - 1 }
      slot = (slot + 1) & (slots.count - 1)
    }
    guard let index = store(bytes) else { return nil }
    slots[slot] = index + 1
    hashed += 1
    if hashed * 2 > slots.count { growSlots() }
    return index
  }

  private func store(_ bytes: UnsafeRawBufferPointer) -> UInt32? {
    guard stored.count + 4 + bytes.count <= bytesMax else { return nil }
    starts.append(UInt32(stored.count))
    stored.append(littleEndian: UInt32(bytes.count))
    stored.append(bytes)
    range.include(bytes)
    return UInt32(starts.count - 1)
  }

  private func entry(_ index: UInt32) -> UnsafeRawBufferPointer {
    let start = Int(starts[Int(index)])
    let length = UInt32(littleEndian: stored.base.loadUnaligned(fromByteOffset: start, as: UInt32.self))
    return UnsafeRawBufferPointer(start: stored.base + start + 4, count: Int(length))
  }

  private func isEqual(_ index: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    let known = entry(index)
    return known.count == bytes.count && known.elementsEqual(bytes)
  }

  /// Seeded, so that chosen ids do not collide.
  private func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var state = seed ^ UInt64(bytes.count)
    var position = 0
    func mix(_ word: UInt64) {
      let product = (state ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15 ^ seed | 1)
      state = product.high ^ product.low
    }
    while position + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      position += 8
    }
    var rest: UInt64 = 0
    while position < bytes.count {
      rest = rest << 8 | UInt64(bytes[position])
      position += 1
    }
    mix(rest)
    mix(0)
    return state
  }

  private func grow(toKnow number: Int) {
    let old = known.pointee
    let count = max(1024, old.count * 2, number + 1)
    let slots = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    slots.initialize(from: old.slots, count: old.count)
    (slots + old.count).initialize(repeating: 0, count: count - old.count)
    old.slots.deallocate()
    known.pointee = KnownNumbers(slots: slots, count: count)
  }

  private func growSlots() {
    // Entries that were found by the caller's number stay out: they would be found twice.
    let old = slots
    slots = [UInt32](repeating: 0, count: old.count * 4)
    for index in old where index != 0 {
      var slot = Int(truncatingIfNeeded: hash(entry(index - 1))) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = index
    }
  }
}
