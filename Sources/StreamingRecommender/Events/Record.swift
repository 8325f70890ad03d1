/// One partition of a topic, within which records are ordered by offset.
public struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var topic: String
  public var partition: Int32

  public init(topic: String, partition: Int32) {
    self.topic = topic
    self.partition = partition
  }

  public static func < (a: TopicPartition, b: TopicPartition) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
  public var description: String { "\(topic)[\(partition)]" }
}

public struct RecordHeader: Equatable, Sendable {
  public var name: String
  public var value: [UInt8]
  public init(name: String, value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// A record at one offset of the log, with key, value and headers unchanged. `RecordBatch` has the partition.
public struct Record: Equatable, Sendable {
  public var offset: Int64
  /// When it was produced (or appended), in milliseconds since 1970; `nil` if the log does not have it.
  public var timestampMilliseconds: Int64?
  public var key: [UInt8]?
  /// `nil` is a tombstone: it deletes the user whose id is the key.
  public var value: [UInt8]?
  public var headers: [RecordHeader]

  public init(
    offset: Int64, timestampMilliseconds: Int64?, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader] = []
  ) {
    self.offset = offset
    self.timestampMilliseconds = timestampMilliseconds
    self.key = key
    self.value = value
    self.headers = headers
  }

  /// The size of key, value and headers (names included) in bytes.
  public var bytes: Int {
    headers.reduce((key?.count ?? 0) + (value?.count ?? 0)) { $0 + $1.name.utf8.count + $1.value.count }
  }
}

/// The next offset to read, per partition.
public struct PartitionOffsets: Equatable, Sendable {
  public var next: [TopicPartition: Int64]
  public init(_ next: [TopicPartition: Int64] = [:]) { self.next = next }
  public subscript(partition: TopicPartition) -> Int64? {
    get { next[partition] }
    set { next[partition] = newValue }
  }
}
