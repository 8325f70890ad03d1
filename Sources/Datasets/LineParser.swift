/// Makes rows of the lines of a file.
final class LineParser {
  private let isJSON: Bool
  private var isHeaderAhead: Bool
  private let hasColumns: Bool
  private let rows: RowParser
  private let fields: LineFields
  /// The text of the line or record that was parsed last; valid until the reader goes on.
  private(set) var text = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// What is wrong with the line that was parsed last.
  private(set) var fault: RowParser.Fault?

  init(_ layout: FileLayout) {
    isJSON = layout.format == .jsonl
    fields = LineFields(layout.dialect)
    isHeaderAhead = layout.header != nil
    hasColumns = layout.columns != nil
    rows = RowParser(layout.columns, layout.conventions)
  }

  /// The row of a line. `nil` for a blank line, the header, and a bad line, which leaves a `fault`.
  func parse(_ line: LineReader.Line, _ reader: LineReader) throws(DatasetError) -> InteractionFile.Row? {
    fault = nil
    guard case .bytes(let bytes) = line else {
      text = UnsafeBufferPointer(start: nil, count: 0)
      return bad("too_long", "longer than \(LineReader.lineBytesMax) bytes")
    }
    text = bytes
    guard let first = bytes.first(where: { $0 != 0x20 }) else { return nil }
    if isJSON { return first == 0x7B ? .event(Array(bytes)) : bad("not_json", "not a JSON object") }
    let limit = rows.read + 1
    switch fields.split(bytes, limit: limit) {
    case .whole: break
    case .damaged: return bad("bad_quotes", "a quoted field is followed by other characters")
    case .open:
      guard let record = try reader.record(fields.dialect) else { return bad("bad_quotes", "a quoted field is not closed") }
      text = record
      guard fields.split(record, limit: limit) == .whole else { return bad("bad_quotes", "a quoted field is not closed") }
    }
    if isHeaderAhead {
      isHeaderAhead = false
      return nil
    }
    guard hasColumns else { return bad("few_columns", "one column only") }
    do throws(RowParser.Fault) { return .columns(try rows.row(fields)) } catch { return bad(error.kind, error.reason) }
  }

  private func bad(_ kind: String, _ reason: String) -> InteractionFile.Row? {
    fault = RowParser.Fault(kind: kind, reason: reason)
    return nil
  }
}
