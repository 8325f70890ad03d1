/// Identifies the record at one offset, to detect a topic that was deleted, recreated under the same name and filled again.
public struct RecordMark: Equatable, Sendable {
  public var offset: Int64
  /// Milliseconds since 1970; `nil` if the log does not have it.
  public var timestampMilliseconds: Int64?
  /// A checksum of the first bytes and the lengths of key and value; it does not depend on the machine.
  public var checksum: UInt64

  public init(offset: Int64, timestampMilliseconds: Int64?, checksum: UInt64) {
    self.offset = offset
    self.timestampMilliseconds = timestampMilliseconds
    self.checksum = checksum
  }

  public init(_ record: Record) {
    self.init(
      offset: record.offset, timestampMilliseconds: record.timestampMilliseconds,
      checksum: Self.checksum(record.value, Self.checksum(record.key, 0xcbf2_9ce4_8422_2325)))
  }

  private static let checkedBytes = 1024

  /// Continues an FNV-1a hash with the bytes and their length.
  private static func checksum(_ bytes: [UInt8]?, _ start: UInt64) -> UInt64 {
    func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 { (hash ^ value) &* 0x0000_0100_0000_01b3 }
    let checked = (bytes ?? []).prefix(checkedBytes)
    return mix(checked.reduce(start) { mix($0, UInt64($1)) }, bytes.map { UInt64($0.count) } ?? .max)
  }
}
