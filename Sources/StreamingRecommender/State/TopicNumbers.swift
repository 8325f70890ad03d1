/// Assigns each topic a permanent number. `InteractionOrder` contains it, so it must not change when topics are added or removed.
public struct TopicNumbers: Sendable, Equatable {
  /// Maximum number of topics over the lifetime of a state.
  static let topicsMax = 16
  static let partitionsMax: Int32 = 4096

  /// Topic names by number. Topics that are no longer configured keep their number.
  private(set) var names: [String]

  init(_ names: [String] = []) { self.names = names }

  /// Assigns numbers to `topics`. Returns false if more than `topicsMax` topics would be needed.
  mutating func add(_ topics: [String]) -> Bool {
    for topic in topics where !names.contains(topic) { names.append(topic) }
    return names.count <= Self.topicsMax
  }

  /// Encodes topic (upper 4 bits) and partition (lower 12 bits) for `InteractionOrder`; `nil` if either is out of range.
  func number(_ source: TopicPartition) -> UInt16? {
    guard let topic = names.firstIndex(of: source.topic), topic < Self.topicsMax, (0..<Self.partitionsMax).contains(source.partition)
    else { return nil }
    return UInt16(topic) << 12 | UInt16(source.partition)
  }

  func topicPartition(_ number: UInt16) -> TopicPartition? {
    let topic = Int(number >> 12)
    return topic < names.count ? TopicPartition(topic: names[topic], partition: Int32(number & 0xfff)) : nil
  }
}
