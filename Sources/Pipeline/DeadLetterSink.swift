import StreamingRecommender

/// Writes dead letters. `send` never blocks; dead letters are numbered 1, 2, 3 ... in the order of the calls.
public protocol DeadLetterSink: AnyObject {
  func send(_ letter: DeadLetter)
  /// The number of the last dead letter passed to `send`; 0 before the first.
  var lastSequence: UInt64 { get }
  /// The broker has acknowledged every dead letter up to this number.
  var acknowledgedThrough: UInt64 { get }
  /// The number of unacknowledged dead letters per input partition; a partition with too many is paused while the others continue.
  var unacknowledged: [TopicPartition: Int] { get }
  var failures: Int { get }
  /// Waits at most `timeout` until all dead letters are acknowledged; returns false if they are not.
  func flush(timeout: Duration) -> Bool
}
