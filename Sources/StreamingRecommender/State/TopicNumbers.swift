/// Gives each topic a number for good: orders of interactions contain it, so it must not change when topics are added or removed.
public struct TopicNumbers: Sendable, Equatable {
  /// Topics that one state can ever have read.
  static let topicsMax = 16
  static let partitionsMax: Int32 = 4096

  /// By number; topics that are no longer configured keep theirs.
  private(set) var names: [String]

  init(_ names: [String] = []) { self.names = names }

  /// Numbers these topics too. False when there is no number left for one of them.
  mutating func add(_ topics: [String]) -> Bool {
    for topic in topics where !names.contains(topic) { names.append(topic) }
    return names.count <= Self.topicsMax
  }

  /// Topic and partition as one number for `InteractionOrder`: the topic in the upper 4 bits, the partition in the lower 12.
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
