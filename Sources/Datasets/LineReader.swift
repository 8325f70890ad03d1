#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Splits a file into lines with bounded memory: at most one line and one chunk are buffered.
///
/// Lines end with LF or CRLF. A byte-order mark at the start is skipped. The last line needs no terminator.
final class LineReader {
  enum Line {
    case bytes(UnsafeBufferPointer<UInt8>)
    case tooLong
  }

  static let lineBytesMax = 1 << 20

  let source: ByteSource
  /// Number of the line last returned, starting at 1.
  private(set) var lineNumber = 0
  private var buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 2 * ByteSource.chunkBytes)
  private var start = 0
  private var end = 0
  private var isAtEnd = false

  init(_ source: ByteSource) { self.source = source }

  deinit { buffer.deallocate() }

  /// The next line without its terminator. The bytes are valid until the next call.
  func next() throws(DatasetError) -> Line? {
    var searched = 0
    var isTooLong = false
    while true {
      if let length = lengthToNewline(skipping: searched) {
        defer { start += length + 1 }
        return line(length, isTooLong)
      }
      searched = end - start
      if isAtEnd {
        guard searched > 0 || isTooLong else { return nil }
        defer { start = end }
        return line(searched, isTooLong)
      }
      if searched > LineReader.lineBytesMax {
        isTooLong = true
        start = end
        searched = 0
      }
      try more()
    }
  }

  private func line(_ length: Int, _ isTooLong: Bool) -> Line {
    lineNumber += 1
    if isTooLong { return .tooLong }
    var first = start
    var last = start + length
    if lineNumber == 1, length >= 3, buffer[first] == 0xEF, buffer[first + 1] == 0xBB, buffer[first + 2] == 0xBF { first += 3 }
    if last > first, buffer[last - 1] == 0x0D { last -= 1 }
    return .bytes(UnsafeBufferPointer(rebasing: buffer[first..<last]))
  }

  private func lengthToNewline(skipping searched: Int) -> Int? {
    guard start + searched < end, let base = buffer.baseAddress else { return nil }
    guard let hit = memchr(base + start + searched, 0x0A, end - start - searched) else { return nil }
    return UnsafeRawPointer(hit) - UnsafeRawPointer(base + start)
  }

  private func more() throws(DatasetError) {
    if start > 0, let base = buffer.baseAddress {
      memmove(base, base + start, end - start)
      end -= start
      start = 0
    }
    if buffer.count - end < ByteSource.chunkBytes {
      let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: buffer.count * 2)
      _ = larger.update(fromContentsOf: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[..<end]))
      buffer.deallocate()
      buffer = larger
    }
    let count = try source.read(into: UnsafeMutableBufferPointer(rebasing: buffer[end...]))
    end += count
    isAtEnd = count == 0
  }
}
