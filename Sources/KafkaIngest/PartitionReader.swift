import StreamingRecommender

/// One assigned partition: its queue and how far it was read.
final class PartitionReader {
  enum State: Equatable {
    case reading
    /// The broker says that the log does not hold `expected`; the inspector finds out what it holds.
    case inspecting(expected: Int64)
    /// The inspector got no answer; asked again at this time (monotonic nanoseconds).
    case inspectingAgain(expected: Int64, at: UInt64)
    /// Waits for an operator.
    case halted(String)
  }

  let id: TopicPartition
  let queue: KafkaQueue
  var state = State.reading
  var isPaused = false
  /// The next offset to deliver; `nil` until the first record where reading starts at the earliest.
  var next: Int64?
  /// Where the last fetch found nothing more; past `next` after transaction markers.
  var endSeen: Int64 = 0
  /// From the inspector, until the first fetch knows better.
  var watermarks: ClosedRange<Int64>?

  init(_ id: TopicPartition, queue: KafkaQueue, next: Int64?) {
    self.id = id
    self.queue = queue
    self.next = next
  }

  var delivers: Bool { state == .reading && !isPaused }

  func lag(highWatermark cached: Int64?) -> Int64? {
    guard let high = cached ?? watermarks?.upperBound else { return nil }
    // A partition that starts at the earliest has no position before its first record.
    guard let position = next ?? watermarks?.lowerBound else { return nil }
    return max(0, high - max(position, endSeen))
  }
}
