/// A record that could not be used, on its way to `<topic>.dlq` with its reason.
public struct DeadLetter: Sendable, Equatable {
  public var source: TopicPartition
  public var record: Record
  /// A rejection reason (schemas/README.md), for example `bad_json`.
  public var reason: String
  public var message: String
  public init(source: TopicPartition, record: Record, reason: String, message: String) {
    self.source = source
    self.record = record
    self.reason = reason
    self.message = message
  }
}

/// Where unusable records go. `send` never waits; letters are numbered 1, 2, 3 ... in the order of the calls.
public protocol DeadLetterSink: AnyObject {
  func send(_ letter: DeadLetter)
  /// Number of the last letter given to `send` (0 before the first).
  var lastSequence: UInt64 { get }
  /// Every letter up to this number has been written by the broker; a snapshot that covers their offsets may be made.
  var acknowledgedThrough: UInt64 { get }
  /// Letters not yet acknowledged, per input partition: one that grows too far is held back, the others go on.
  var unacknowledged: [TopicPartition: Int] { get }
  var failures: Int { get }
  /// Waits at most `timeout` for all letters to be acknowledged.
  func flush(timeout: Duration) -> Bool
}
