/// Splits lines into fields, which are ranges of a buffer that the caller keeps alive.
final class LineFields: Sequence {
  enum Outcome {
    case whole
    /// A quoted field is not closed on the line; it may go on in the next.
    case open
    /// A quoted field is followed by something else than a delimiter.
    case damaged
  }

  /// Fields after this number are not split.
  static let countMax = 512

  let dialect: Dialect
  private(set) var count = 0
  private let first: UInt8
  private let delimiterBytes: Int
  private let hasQuotes: Bool
  private let fields = UnsafeMutablePointer<UnsafeBufferPointer<UInt8>>.allocate(capacity: countMax)
  /// Quoted fields with doubled quotes inside, without these.
  private var unescaped = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
  private var unescapedBytes = 0

  init(_ dialect: Dialect) {
    self.dialect = dialect
    first = dialect.delimiter.bytes[0]
    delimiterBytes = dialect.delimiter.bytes.count
    hasQuotes = dialect.hasQuotes
  }

  deinit {
    fields.deallocate()
    unescaped.deallocate()
  }

  @inline(__always) subscript(index: Int) -> UnsafeBufferPointer<UInt8> { fields[index] }
  func makeIterator() -> UnsafeBufferPointer<UnsafeBufferPointer<UInt8>>.Iterator {
    UnsafeBufferPointer(start: fields, count: count).makeIterator()
  }

  /// Splits the line into at most `limit` fields.
  func split(_ line: UnsafeBufferPointer<UInt8>, limit: Int = countMax) -> Outcome {
    count = 0
    unescapedBytes = 0
    guard let base = line.baseAddress else { return append(line) }
    let bytes = line.count
    var start = 0
    while count < limit {
      if hasQuotes, let quote = quoteStart(line, start) {
        switch takeQuoted(line, from: quote) {
        case .end(let end): start = end
        case .failure(let outcome): return outcome
        }
      } else {
        var end = start
        while end < bytes, base[end] != first || (delimiterBytes > 1 && !isDelimiter(line, end)) { end += 1 }
        _ = append(UnsafeBufferPointer(start: base + start, count: end - start))
        start = end
      }
      guard start < bytes else { return .whole }
      start += delimiterBytes
    }
    return .whole
  }

  @inline(__always) private func append(_ field: UnsafeBufferPointer<UInt8>) -> Outcome {
    fields[count] = field
    count += 1
    return .whole
  }

  /// The position of the quote that begins the field at `start`; spaces may precede it.
  @inline(__always) private func quoteStart(_ line: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
    var at = start
    while at < line.count, line[at] == 0x20 { at += 1 }
    return at < line.count && line[at] == 0x22 ? at : nil
  }

  private enum Quoted { case end(Int), failure(Outcome) }

  /// Takes the quoted field that begins at `start` and returns where the next delimiter is.
  private func takeQuoted(_ line: UnsafeBufferPointer<UInt8>, from start: Int) -> Quoted {
    var at = start + 1
    var hasDoubled = false
    while true {
      guard at < line.count else { return .failure(.open) }
      if line[at] == 0x22 {
        guard at + 1 < line.count, line[at + 1] == 0x22 else { break }
        hasDoubled = true
        at += 1
      }
      at += 1
    }
    let content = UnsafeBufferPointer(rebasing: line[start + 1..<at])
    at += 1
    while at < line.count, line[at] == 0x20, first != 0x20 { at += 1 }
    guard at == line.count || isDelimiter(line, at) else { return .failure(.damaged) }
    _ = append(hasDoubled ? unescaped(content, lineBytes: line.count) : content)
    return .end(at)
  }

  private func isDelimiter(_ line: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
    guard at + delimiterBytes <= line.count else { return false }
    for index in 0..<delimiterBytes where line[at + index] != dialect.delimiter.bytes[index] { return false }
    return true
  }

  private func unescaped(_ content: UnsafeBufferPointer<UInt8>, lineBytes: Int) -> UnsafeBufferPointer<UInt8> {
    // Fields of one line never need more than the line has, so those taken before need not move.
    if unescapedBytes == 0, unescaped.count < lineBytes {
      unescaped.deallocate()
      unescaped = .allocate(capacity: lineBytes)
    }
    let start = unescapedBytes
    var at = 0
    while at < content.count {
      unescaped[unescapedBytes] = content[at]
      unescapedBytes += 1
      at += content[at] == 0x22 ? 2 : 1
    }
    return UnsafeBufferPointer(rebasing: unescaped[start..<unescapedBytes])
  }
}
