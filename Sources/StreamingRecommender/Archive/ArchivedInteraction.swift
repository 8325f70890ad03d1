/// One row of the archive: what an event changed in the state, or that a user was forgotten or merged.
public struct ArchivedInteraction: Equatable, Sendable {
  public enum Operation: String, Sendable, CaseIterable {
    case add, set, delete, once
    /// Everything of the user before it is gone.
    case forget
    /// What the user did counts as done by `mergedInto`.
    case merge
  }

  public var user: [UInt8]
  /// `nil` if the user was forgotten or merged.
  public var item: [UInt8]?
  /// The event's type, if it has one.
  public var type: [UInt8]?
  public var operation: Operation
  /// As `Interaction.strength`; 0 if the user was forgotten or merged.
  public var strength: Float
  /// Milliseconds since 1970.
  public var timeMilliseconds: Int64
  public var mergedInto: [UInt8]?
  /// The offset of its record, which may hold several events.
  public var offset: Int64

  public init(
    user: [UInt8], item: [UInt8]? = nil, type: [UInt8]? = nil, operation: Operation, strength: Float = 0, timeMilliseconds: Int64,
    mergedInto: [UInt8]? = nil, offset: Int64
  ) {
    self.user = user
    self.item = item
    self.type = type
    self.operation = operation
    self.strength = strength
    self.timeMilliseconds = timeMilliseconds
    self.mergedInto = mergedInto
    self.offset = offset
  }

  init(_ interaction: Interaction, user: [UInt8], offset: Int64) {
    let operation: Operation =
      switch interaction.operation {
      case .add: .add
      case .set: .set
      case .delete: .delete
      case .once: .once
      }
    self.init(
      user: user, item: interaction.item, type: interaction.type, operation: operation, strength: interaction.strength,
      timeMilliseconds: interaction.timeMilliseconds, offset: offset)
  }
}

/// What the records of one batch add to the archive, in the order of their offsets.
public struct ArchivedBatch: Equatable, Sendable {
  public var source: TopicPartition
  public var rows: [ArchivedInteraction]
  /// The record of the last row.
  public var last: RecordMark

  public init(source: TopicPartition, rows: [ArchivedInteraction], last: RecordMark) {
    self.source = source
    self.rows = rows
    self.last = last
  }
}

/// How far the archive goes in one partition: the last record that it has rows of.
///
/// After a restart, records are applied again that are in the archive already. Their rows are left out up to this offset, and the
/// checksum tells whether the log is still the one that was archived.
public struct ArchivedPosition: Equatable, Sendable {
  public var offset: Int64
  /// That of the record's `RecordMark`.
  public var checksum: UInt64

  public init(offset: Int64, checksum: UInt64) {
    self.offset = offset
    self.checksum = checksum
  }
}
