import StreamingRecommender

/// What is written to the dead-letter topic for one letter. Pure.
struct DeadLetterEnvelope: Equatable {
  /// How much of a record that the broker finds too large is left.
  enum Size: Int, CaseIterable {
    case whole
    /// The value cut to 64 KiB.
    case truncated
    /// For a topic that takes next to nothing: key and value cut to 1 KiB, the record's own headers left out.
    case minimal

    var next: Size { Size(rawValue: rawValue + 1) ?? self }
  }

  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [RecordHeader]

  static let prefix = "__freshet.errors."

  init(_ letter: DeadLetter, size: Size, instance: String, version: String) {
    let record = letter.record
    key = record.key
    value = record.value
    headers = record.headers
    func add(_ name: String, _ text: String) { headers.append(RecordHeader(name: Self.prefix + name, value: [UInt8](text.utf8))) }
    switch size {
    case .whole: break
    case .truncated: value = record.value.map { Self.cut($0, to: 65_536) }
    case .minimal:
      key = record.key.map { Self.cut($0, to: 1024) }
      value = record.value.map { Self.cut($0, to: 1024) }
      headers = []
    }
    add("topic", letter.source.topic)
    add("partition", String(letter.source.partition))
    add("offset", String(record.offset))
    add("reason", letter.reason)
    add("stage", "decode")
    add("message", String(letter.message.prefix(1024)))
    add("instance", instance)
    add("version", version)
    if size == .minimal || value?.count != record.value?.count {
      add("truncated", "value of \(record.value?.count ?? 0) bytes, key of \(record.key?.count ?? 0) bytes")
    }
  }

  private static func cut(_ bytes: [UInt8], to count: Int) -> [UInt8] {
    bytes.count <= count ? bytes : [UInt8](bytes[..<count])
  }
}
