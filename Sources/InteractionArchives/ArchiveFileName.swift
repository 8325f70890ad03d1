import ObjectStorage
import StreamingRecommender
import Telemetry
import Timestamps

/// The name of a file of the archive: its partition, its first and last offset and the checksum of its last record.
///
///     date=2026-11-28/interactions-user-events-3-00000000000000001000-00000000000000001999-0123456789abcdef.parquet
///
/// The topic may contain dashes, so a name is read from its end.
public struct ArchiveFileName: Hashable, Sendable {
  public var source: TopicPartition
  public var first: Int64
  public var last: Int64
  public var checksum: UInt64
  /// Days since 1970-01-01.
  public var day: Int

  private static let prefix = "interactions-"
  private static let suffix = ".parquet"
  private static let folder = "date="

  public init(source: TopicPartition, first: Int64, last: Int64, checksum: UInt64, day: Int) {
    self.source = source
    self.first = first
    self.last = last
    self.checksum = checksum
    self.day = day
  }

  public var key: String {
    let mark = String(checksum, radix: 16)
    let name = "\(Self.prefix)\(source.topic)-\(source.partition)-\(Self.padded(first))-\(Self.padded(last))"
    return "\(Self.folder)\(Self.date(day))/\(name)-\(String(repeating: "0", count: 16 - mark.count))\(mark)\(Self.suffix)"
  }

  /// Returns `nil` for names that are not of the archive.
  public init?(key: String) {
    let parts = key.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].hasPrefix(Self.folder), let day = Self.day(parts[0].dropFirst(Self.folder.count)) else {
      return nil
    }
    guard parts[1].hasPrefix(Self.prefix), parts[1].hasSuffix(Self.suffix) else { return nil }
    let fields = parts[1].dropFirst(Self.prefix.count).dropLast(Self.suffix.count).split(separator: "-", omittingEmptySubsequences: false)
    guard fields.count >= 5, let partition = Int32(fields[fields.count - 4]), let first = Int64(fields[fields.count - 3]),
      let last = Int64(fields[fields.count - 2]), let checksum = UInt64(fields[fields.count - 1], radix: 16)
    else { return nil }
    let topic = fields.dropLast(4).joined(separator: "-")
    self.init(source: TopicPartition(topic: topic, partition: partition), first: first, last: last, checksum: checksum, day: day)
    // Everything else would be two names for one file.
    guard self.key == key else { return nil }
  }

  private static let millisecondsPerDay: Int64 = 86_400_000

  private static func date(_ day: Int) -> Substring { Timestamp.rfc3339(milliseconds: Int64(day) * millisecondsPerDay).prefix(10) }

  private static func day(_ date: Substring) -> Int? {
    let midnight = Array("\(date)T00:00:00Z".utf8)
    return midnight.withUnsafeBufferPointer { TimestampText.milliseconds(fromRFC3339: $0) }.map { Int($0 / millisecondsPerDay) }
  }

  private static func padded(_ offset: Int64) -> String {
    let digits = String(offset)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits
  }
}
