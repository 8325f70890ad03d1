/// Identifies the record at one offset, to tell a log from one of the same name that was deleted, created and filled again.
public struct RecordMark: Equatable, Sendable {
  public var offset: Int64
  /// `nil` where the log does not know.
  public var timestampMilliseconds: Int64?
  /// Of the first bytes and the lengths of key and value; the same on every machine.
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

  /// FNV-1a, with the length behind the bytes.
  private static func checksum(_ bytes: [UInt8]?, _ start: UInt64) -> UInt64 {
    func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 { (hash ^ value) &* 0x0000_0100_0000_01b3 }
    let checked = (bytes ?? []).prefix(checkedBytes)
    return mix(checked.reduce(start) { mix($0, UInt64($1)) }, bytes.map { UInt64($0.count) } ?? .max)
  }
}
