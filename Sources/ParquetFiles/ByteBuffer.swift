/// Bytes that grow, in memory of their own, so that hot loops write through a pointer.
///
/// Not Sendable: it belongs to one writer.
final class ByteBuffer {
  private(set) var base: UnsafeMutableRawPointer
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 256) {
    self.capacity = max(64, capacity)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Returns where the next `more` bytes go; `advance` counts those that were written.
  func reserve(_ more: Int) -> UnsafeMutableRawPointer {
    if count + more > capacity { grow(to: count + more) }
    return base + count
  }

  func advance(_ written: Int) {
    count += written
    assert(count <= capacity)
  }

  private func grow(to needed: Int) {
    let larger = max(needed, capacity * 2)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
    memory.copyMemory(from: base, byteCount: count)
    base.deallocate()
    (base, capacity) = (memory, larger)
  }

  func removeAll() { count = 0 }

  /// Empties the buffer and gives memory back that is larger than `kept`.
  func removeAll(keeping kept: Int) {
    count = 0
    guard capacity > kept else { return }
    base.deallocate()
    capacity = kept
    base = .allocate(byteCount: kept, alignment: 16)
  }

  func append(_ byte: UInt8) {
    reserve(1).storeBytes(of: byte, as: UInt8.self)
    count += 1
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// In little-endian order, as everything in Parquet.
  func append(littleEndian value: UInt32) {
    reserve(4).storeBytes(of: value.littleEndian, as: UInt32.self)
    count += 4
  }

  /// Seven bits a byte, the lowest first.
  func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
}
