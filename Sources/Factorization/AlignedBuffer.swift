import CKernels

/// A zero-initialized float buffer with 64-byte alignment; the storage of factors and workspaces.
///
/// Not thread-safe by itself: the value types that use it copy on write, and each workspace has one owner.
final class AlignedBuffer: @unchecked Sendable {
  /// Size of a huge page. Row accesses are spread over a large matrix, so with small pages nearly every access misses the TLB.
  private static let hugePage = 2 << 20

  let count: Int
  let pointer: UnsafeMutablePointer<Float>

  init(count: Int) {
    precondition(count >= 0, "a buffer cannot hold \(count) floats")
    self.count = count
    let bytes = max(64, count * MemoryLayout<Float>.stride)
    let isLarge = bytes >= Self.hugePage * 2
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isLarge ? Self.hugePage : 64)
    if isLarge { freshet_advise_huge_pages(raw, bytes) }
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    pointer = raw.assumingMemoryBound(to: Float.self)
  }

  convenience init(copying other: AlignedBuffer, count: Int) {
    self.init(count: count)
    pointer.update(from: other.pointer, count: min(count, other.count))
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }
}
