#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Splits a text into lines with bounded memory: at most one line and one chunk are buffered.
///
/// Lines end with LF or CRLF. A byte-order mark at the start is skipped. The last line needs no terminator.
final class LineReader {
  enum Line {
    case bytes(UnsafeBufferPointer<UInt8>)
    case tooLong
  }

  static let lineBytesMax = 1 << 20
  /// What a record may have whose quoted fields contain line ends. A quote that is never closed costs the reading of that much.
  static let quotedBytesMax = 1 << 18

  let source: TextSource
  /// Number of the line last returned, starting at 1; of a record of several lines, the first of them.
  private(set) var lineNumber = 0
  /// The lines of the record last returned beyond its first.
  private var furtherLines = 0
  private var buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 2 * ByteSource.chunkBytes)
  /// Where the line last returned begins.
  private var lineStart = 0
  private var start = 0
  private var end = 0
  private var isAtEnd = false

  init(_ source: TextSource) { self.source = source }

  deinit { buffer.deallocate() }

  /// The next line without its terminator. The bytes are valid until the next call.
  func next() throws(DatasetError) -> Line? {
    lineNumber += furtherLines
    furtherLines = 0
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

  /// The line last returned together with those into which its quoted fields go on. `nil` if no record results; the reading then goes on
  /// after the line, so that a quote that is never closed costs one line only.
  func record(_ dialect: Dialect) throws(DatasetError) -> UnsafeBufferPointer<UInt8>? {
    let resume = start - lineStart
    start = lineStart
    var quotes = QuoteScanner(dialect)
    var at = 0
    var newlines = 0
    while at <= Self.quotedBytesMax {
      if start + at + dialect.delimiter.bytes.count >= end, !isAtEnd {
        try more()
        continue
      }
      guard start + at < end else {
        if quotes.isOpen { break }
        return finish(at, newlines, terminator: 0)
      }
      let rest = UnsafeBufferPointer(rebasing: buffer[start + at..<end])
      switch quotes.step(rest) {
      case .field(let count):
        if rest[0] == 0x0A { newlines += 1 }
        at += count
      case .lineEnd: return finish(at, newlines, terminator: 1)
      case .damage:
        start += resume
        return nil
      }
    }
    start += resume
    return nil
  }

  private func finish(_ length: Int, _ newlines: Int, terminator: Int) -> UnsafeBufferPointer<UInt8> {
    lineStart = start
    furtherLines = newlines
    let bytes = self.bytes(length)
    start += length + terminator
    return bytes
  }

  private func line(_ length: Int, _ isTooLong: Bool) -> Line {
    lineNumber += 1
    lineStart = start
    return isTooLong ? .tooLong : .bytes(bytes(length))
  }

  /// The line that begins at `start`, without a byte-order mark and a carriage return.
  private func bytes(_ length: Int) -> UnsafeBufferPointer<UInt8> {
    var first = start
    var last = start + length
    if lineNumber == 1, length >= 3, buffer[first] == 0xEF, buffer[first + 1] == 0xBB, buffer[first + 2] == 0xBF { first += 3 }
    if last > first, buffer[last - 1] == 0x0D { last -= 1 }
    return UnsafeBufferPointer(rebasing: buffer[first..<last])
  }

  private func lengthToNewline(skipping searched: Int) -> Int? {
    guard start + searched < end, let base = buffer.baseAddress else { return nil }
    guard let hit = memchr(base + start + searched, 0x0A, end - start - searched) else { return nil }
    return UnsafeRawPointer(hit) - UnsafeRawPointer(base + start)
  }

  private func more() throws(DatasetError) {
    if start > 0, let base = buffer.baseAddress {
      memmove(base, base + start, end - start)
      lineStart = max(0, lineStart - start)
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

/// Finds the end of a record by its quotes, a byte or a delimiter at a time.
private struct QuoteScanner {
  enum Step { case field(Int), lineEnd, damage }
  private enum State { case fieldStart, plain, quoted, closed }

  private let dialect: Dialect
  private var state = State.fieldStart

  init(_ dialect: Dialect) { self.dialect = dialect }

  var isOpen: Bool { state == .quoted }

  /// - Parameter rest: the bytes from here, not empty.
  mutating func step(_ rest: UnsafeBufferPointer<UInt8>) -> Step {
    let byte = rest[0]
    if state == .quoted {
      guard byte == 0x22 else { return .field(1) }
      if rest.count > 1, rest[1] == 0x22 { return .field(2) }
      state = .closed
      return .field(1)
    }
    if byte == 0x0A { return .lineEnd }
    if rest.starts(with: dialect.delimiter.bytes) {
      state = .fieldStart
      return .field(dialect.delimiter.bytes.count)
    }
    switch state {
    case .fieldStart where byte == 0x22: state = .quoted
    case .fieldStart where byte != 0x20: state = .plain
    case .closed where byte != 0x20 && byte != 0x0D: return .damage
    default: break
    }
    return .field(1)
  }
}
