import StreamingRecommender

/// The record that is written to the dead-letter topic.
struct DeadLetterEnvelope: Equatable {
  /// How much of a record is kept when the whole is too large for the topic.
  enum Size: Int, CaseIterable {
    case whole
    /// The value cut to 64 KiB.
    case truncated
    /// For a topic with a very small limit: key and value cut to 1 KiB, without the record's own headers.
    case minimal

    var next: Size { Size(rawValue: rawValue + 1) ?? self }
  }

  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [RecordHeader]
  private(set) var size: Size

  static let prefix = "__freshet.errors."

  init(_ letter: DeadLetter, instance: String, version: String) {
    key = letter.record.key
    value = letter.record.value
    headers = letter.record.headers
    size = .whole
    func add(_ name: String, _ text: String) { headers.append(RecordHeader(name: Self.prefix + name, value: [UInt8](text.utf8))) }
    add("topic", letter.source.topic)
    add("partition", String(letter.source.partition))
    add("offset", String(letter.record.offset))
    add("reason", letter.reason)
    add("stage", "decode")
    add("message", String(letter.message.prefix(1024)))
    add("instance", instance)
    add("version", version)
  }

  /// Key, value and headers, in bytes.
  var bytes: Int { headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) { $0 + $1.name.utf8.count + $1.value.count } }

  /// Shrinks until a client with this limit accepts the record, or nothing more can be cut.
  mutating func fit(bytesMax: Int) {
    while bytes + Self.overhead > bytesMax, size != .minimal { shrink() }
  }

  /// What Kafka's format adds to a record, at most.
  private static let overhead = 1024

  /// Cuts to the next smaller size. The headers that name the original sizes are those of the first cut.
  mutating func shrink() {
    size = size.next
    let (keyBytes, valueBytes) = (key?.count ?? 0, value?.count ?? 0)
    value = value.map { Self.cut($0, to: size == .minimal ? 1024 : 65_536) }
    if size == .minimal {
      key = key.map { Self.cut($0, to: 1024) }
      headers.removeAll { !$0.name.hasPrefix(Self.prefix) }
    }
    let isCut = size == .minimal || value?.count != valueBytes
    if isCut, !headers.contains(where: { $0.name == Self.prefix + "truncated" }) { addTruncated(value: valueBytes, key: keyBytes) }
  }

  private mutating func addTruncated(value: Int, key: Int) {
    let text = "value of \(value) bytes, key of \(key) bytes"
    headers.append(RecordHeader(name: Self.prefix + "truncated", value: [UInt8](text.utf8)))
  }

  private static func cut(_ bytes: [UInt8], to count: Int) -> [UInt8] {
    bytes.count <= count ? bytes : [UInt8](bytes[..<count])
  }
}
