/// Text as UTF-8, from a file of any encoding or from memory.
final class TextSource {
  private var remaining: ArraySlice<UInt8> = []
  private let bytes: ByteSource?
  private var decoder: TextDecoder

  init(_ bytes: ByteSource, _ encoding: TextEncoding = .utf8) {
    self.bytes = bytes
    decoder = TextDecoder(encoding)
  }

  /// - Parameter text: UTF-8.
  init(_ text: [UInt8]) {
    bytes = nil
    remaining = text[...]
    decoder = TextDecoder(.utf8)
  }

  /// Reads the next bytes into `buffer` and returns their number; 0 at the end.
  func read(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) -> Int {
    if let bytes, decoder.encoding == .utf8 { return try bytes.read(into: buffer) }
    while remaining.isEmpty {
      guard let bytes else { return 0 }
      let count = try bytes.read(into: buffer)
      if count == 0 { return 0 }
      var text: [UInt8] = []
      decoder.decode(buffer[..<count], into: &text)
      remaining = text[...]
    }
    let count = min(buffer.count, remaining.count)
    _ = buffer.update(fromContentsOf: remaining.prefix(count))
    remaining = remaining.dropFirst(count)
    return count
  }
}
