/// An array stored in chunks of fixed size: a copy shares the chunks, and the first write to a chunk after that copies that chunk alone.
///
/// A frozen state therefore costs the stream one small copy per chunk that it touches, never a copy of everything.
public struct ChunkedArray<Element: Sendable>: Sendable {
  private static var shift: Int { 9 }
  /// Elements of a full chunk.
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

  /// Appends copies of `element` until at least `newCount` elements are there.
  mutating func grow(to newCount: Int, with element: Element) {
    while count < newCount { append(element) }
  }

  /// Bytes of the chunks themselves, without what the elements refer to.
  var bytes: Int { chunks.reduce(0) { $0 + 32 + $1.capacity * MemoryLayout<Element>.stride } }
}
