/// Where the gateway sends what it accepts: the topic of events or that of items.
///
/// The implementation produces to Kafka with the key's default partitioner, so that a user's events stay in their partition.
public protocol RecordSink: Sendable {
  /// Sends all records and calls `completion` once, from any thread, when the broker has answered for each of them or the time is up.
  ///
  /// Must not block: a full queue is an outcome.
  func send(_ records: [OutgoingRecord], completion: @escaping @Sendable (RecordDelivery) -> Void)
}

public struct OutgoingRecord: Sendable, Equatable {
  public var key: [UInt8]
  /// `nil` deletes what the key names.
  public var value: [UInt8]?
  public init(key: [UInt8], value: [UInt8]?) {
    self.key = key
    self.value = value
  }
}

public enum RecordDelivery: Sendable, Equatable {
  /// Every record stands in the log.
  case delivered
  /// Nothing was sent; the sentence says why.
  case refused(String)
  /// Some records may stand in the log and some not; the sentence says why.
  case uncertain(String)
}
