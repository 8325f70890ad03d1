/// Orders the events of one user-item pair by (timestamp, partition), packed into one comparable word.
///
/// Events of one partition with equal timestamps are ordered by arrival, which is the order of their offsets.
public struct InteractionOrder: Hashable, Comparable, Sendable {
  /// Milliseconds since 1970 in the upper bits, the partition in the lower 16.
  let word: Int64

  /// - Parameters:
  ///   - timeMilliseconds: since 1970, in 0 ..< 2^44 (the decoder clamps).
  ///   - partition: the number from `TopicNumbers.number`, which encodes topic and partition.
  public init(timeMilliseconds: Int64, partition: UInt16) {
    precondition(timeMilliseconds >= 0 && timeMilliseconds < 1 << 44, "time \(timeMilliseconds) is out of range")
    word = timeMilliseconds << 16 | Int64(partition)
  }

  /// Upper bound of a timestamp, in milliseconds since 1970; in the year 2527.
  public static let latestMilliseconds: Int64 = 1 << 44 - 1

  init(word: Int64) { self.word = word }

  public var timeMilliseconds: Int64 { word >> 16 }
  public var partition: UInt16 { UInt16(truncatingIfNeeded: word) }
  public static func < (a: InteractionOrder, b: InteractionOrder) -> Bool { a.word < b.word }
}
