/// A rejected record with the reason, to be written to the dead-letter topic.
public struct DeadLetter: Sendable, Equatable {
  public var source: TopicPartition
  public var record: Record
  /// The rejection reason (see schemas/README.md), for example `bad_json`.
  public var reason: String
  public var message: String
  public init(source: TopicPartition, record: Record, reason: String, message: String) {
    self.source = source
    self.record = record
    self.reason = reason
    self.message = message
  }
}
