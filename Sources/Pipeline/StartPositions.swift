import StreamingRecommender

/// Where this process began to read the log, what decided that, and what the consumer group has committed beside it.
///
/// The committed offsets never decide. They are kept to tell an operator who has changed them that they do not.
public struct StartPositions: Sendable, Equatable {
  public enum Origin: Sendable, Equatable {
    /// There is no state that has read anything before.
    case beginning
    /// The offsets of the snapshot with this sequence number.
    case snapshot(UInt64)
    /// Asked for: the earliest records, into a new state.
    case earliest
    /// Asked for: records since this time (milliseconds since 1970), into a new state.
    case time(Int64)
  }

  /// What decided where reading of one partition began.
  public enum Decision: String, Sendable {
    case snapshot, earliest, time
  }

  public let origin: Origin
  /// A partition that is not here began at its earliest record.
  public let offsets: PartitionOffsets
  /// The group's committed offsets when the partitions were assigned, as far as a broker has told them.
  public private(set) var committed: [TopicPartition: Int64] = [:]

  public init(_ origin: Origin = .beginning, offsets: PartitionOffsets = PartitionOffsets()) {
    self.origin = origin
    self.offsets = offsets
  }

  public func decision(_ partition: TopicPartition) -> Decision {
    guard offsets[partition] != nil else { return .earliest }
    switch origin {
    case .snapshot: return .snapshot
    case .time: return .time
    case .beginning, .earliest: return .earliest
    }
  }

  /// The snapshot on disk that holds these positions, if there is one; a new state has written one before it begins.
  func durableSequence(next: UInt64) -> UInt64? {
    switch origin {
    case .beginning: nil
    case .snapshot(let sequence): sequence
    case .earliest, .time: next - 1
    }
  }

  /// Partitions where the group has committed another offset than the one that counts.
  public var differing: [TopicPartition] { committed.filter { offsets[$0.key] != $0.value }.map(\.key).sorted() }

  /// A line for the log.
  public struct Line: Sendable, Equatable {
    public var isWarning: Bool
    public var message: String
    public var positions: String
  }

  /// One line for partitions of which reading begins.
  func line(assigned partitions: [TopicPartition]) -> Line {
    let what =
      switch origin {
      case .beginning: "there is no earlier state: reading begins at the earliest records"
      case .snapshot(let sequence): "reading begins at the offsets of snapshot \(sequence)"
      case .earliest: "reading begins at the earliest records, as --from says"
      case .time: "reading begins at the first records of the time that --from says"
      }
    return Line(
      isWarning: false, message: what,
      positions: Self.list(partitions) { offsets[$0].map { "\($0)" } ?? "earliest" })
  }

  /// Takes over what a broker told of the group, and returns a line if it differs from what counts and was not known before.
  mutating func note(committed new: [TopicPartition: Int64]) -> Line? {
    let unknown = new.filter { committed[$0.key] == nil }
    guard !unknown.isEmpty else { return nil }
    committed.merge(unknown) { old, _ in old }
    let differing = differing.filter { unknown[$0] != nil }
    guard !differing.isEmpty else { return nil }
    let counted: String
    // A crash between a snapshot and the commit that follows it leaves the group behind; it is never ahead unless someone moved it, or put
    // an older snapshot in place.
    var isWarning = false
    switch origin {
    case .snapshot:
      counted = "the snapshot stands elsewhere: the snapshot counts. To read again, start once with serve --from earliest or a time"
      isWarning = differing.contains { committed[$0]! > offsets[$0] ?? 0 }
    case .earliest, .time: counted = "--from says otherwise: --from counts"
    case .beginning: counted = "there is no state that has read so far: reading begins at the earliest records"
    }
    return Line(
      isWarning: isWarning, message: "the consumer group has committed offsets, and \(counted)",
      positions: Self.list(differing) { "\(offsets[$0].map { "\($0)" } ?? "earliest") (committed \(committed[$0]!))" })
  }

  private static let listedMax = 16

  private static func list(_ partitions: [TopicPartition], _ text: (TopicPartition) -> String) -> String {
    let shown = partitions.prefix(listedMax).map { "\($0)=\(text($0))" }.joined(separator: " ")
    return partitions.count > listedMax ? "\(shown) and \(partitions.count - listedMax) more" : shown
  }
}
