/// Collects the rows of one batch that are not in the archive yet.
struct ArchiveRows: Sendable {
  private let archived: ArchivedPosition?
  private var rows: [ArchivedInteraction] = []

  init(behind archived: ArchivedPosition?) { self.archived = archived }

  mutating func append(_ interaction: Interaction, user: [UInt8], of record: Record) {
    guard isNew(record) else { return }
    rows.append(ArchivedInteraction(interaction, user: user, offset: record.offset))
  }

  mutating func append(
    _ operation: ArchivedInteraction.Operation, user: [UInt8], into: [UInt8]? = nil, of record: Record, fallbackMilliseconds: Int64
  ) {
    guard isNew(record) else { return }
    rows.append(
      ArchivedInteraction(
        user: user, operation: operation, timeMilliseconds: record.timestampMilliseconds ?? fallbackMilliseconds, mergedInto: into,
        offset: record.offset))
  }

  private func isNew(_ record: Record) -> Bool { archived.map { record.offset > $0.offset } ?? true }

  /// Whether this is the last archived record and another one was archived under its offset.
  func isForeign(_ record: Record) -> Bool {
    guard let archived, record.offset == archived.offset else { return false }
    return RecordMark(record).checksum != archived.checksum
  }

  /// The rows with the mark of the record of the last one; `nil` if there are none.
  func batch(_ batch: RecordBatch) -> ArchivedBatch? {
    guard let last = rows.last, let record = batch.records.last(where: { $0.offset == last.offset }) else { return nil }
    return ArchivedBatch(source: batch.source, rows: rows, last: RecordMark(record))
  }
}
