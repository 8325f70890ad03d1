extension Promotion {
  func write(to writer: inout ByteWriter) {
    writer.write(count: settings.count)
    for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
      for text in [key, value, configured[key] ?? ""] { writer.write(blob: Array(text.utf8)) }
    }
  }

  init(reading reader: inout ByteReader) throws {
    self.init(settings: [:], configured: [:])
    for _ in 0..<(try reader.readCount(each: 12)) {
      let texts = try (0..<3).map { _ in String(decoding: try reader.readBlob() ?? [], as: UTF8.self) }
      settings[texts[0]] = texts[1]
      configured[texts[0]] = texts[2]
    }
  }
}
