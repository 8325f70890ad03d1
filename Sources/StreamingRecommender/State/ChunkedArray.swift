/// An array of fixed-size chunks with copy-on-write per chunk.
///
/// After a copy, the first write to a shared chunk copies that chunk. Freezing a state therefore never copies the whole array.
public struct ChunkedArray<Element: Sendable>: Sendable {
  private static var shift: Int { 9 }
  /// Number of elements in a full chunk.
  static var chunkSize: Int { 1 << shift }

  private(set) var chunks: [[Element]] = []
  public private(set) var count = 0

  public init() {}

  public subscript(index: Int) -> Element {
    get { chunks[index >> Self.shift][index & (Self.chunkSize - 1)] }
    _modify { yield &chunks[index >> Self.shift][index & (Self.chunkSize - 1)] }
  }

  public mutating func append(_ element: Element) {
    if count >> Self.shift == chunks.count { chunks.append([]) }
    chunks[chunks.count - 1].append(element)
    count += 1
  }

  /// Appends copies of `element` until the array has at least `newCount` elements.
  mutating func grow(to newCount: Int, with element: Element) {
    while count < newCount { append(element) }
  }

  /// Size of the chunks in bytes, excluding heap storage that the elements refer to.
  var bytes: Int { chunks.reduce(0) { $0 + 32 + $1.capacity * MemoryLayout<Element>.stride } }
}
