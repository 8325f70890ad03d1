/// Reads a file of lists line by line in bounded memory: delimited text with a header, JSON lines, plain or gzip, or Parquet.
///
/// A bad line is skipped, counted in `report` and written to `rejects`.
public final class RankedListFile {
  /// A row: parsed columns, or one JSON object.
  public enum Row: Equatable, Sendable {
    case columns(RankedListRow)
    /// One line of JSON, not parsed yet.
    case json([UInt8])
  }

  public let path: String
  /// How the file is read, for people.
  public let summary: String
  /// Size on disk in bytes; `nil` for a pipe and for Parquet.
  public var sizeBytes: Int? { source.sizeBytes }
  public var bytesRead: Int { source.bytesRead }
  public private(set) var report = InteractionFile.Report()

  private let source: ByteSource
  private let lines: LineReader
  private let fields: LineFields
  private let isJSON: Bool
  private let columns: [RankedListField: Int]
  private let fieldsRead: Int
  private var isHeaderAhead: Bool
  private let rejects: RejectedLines?
  /// The line or record that was read last.
  private var text = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  /// Opens a file and finds its columns.
  ///
  /// - Parameter rejects: takes the bad lines.
  public init(path: String, rejects: RejectedLines? = nil) throws(DatasetError) {
    self.path = path
    self.rejects = rejects
    source = try ByteSource(path: path)
    let sample = try FileSample(source, encoding: nil)
    if let kind = OtherFileKind.fix(for: sample) { throw DatasetError(.otherKind(kind), path: path) }
    let first = try sample.firstLines(200)
    guard let head = first.first else { throw DatasetError(.otherKind("has no lines; nothing is imported of it"), path: path) }
    isJSON = (FileLayout.format(ofName: path) ?? FileLayout.format(ofLines: first)) == .jsonl
    let dialect = isJSON ? Dialect() : Dialect.sniffed(first, suggested: FileLayout.format(ofName: path) == .tsv ? .tab : .comma)
    let header = LineFields(dialect)
    if isJSON {
      if let fault = FileLayout.fault(ofJSON: first) { throw DatasetError(.otherKind(fault), path: path) }
      columns = [:]
      summary = "JSON lines"
    } else {
      let names = head.withUnsafeBufferPointer { line -> [String] in
        _ = header.split(line)
        return header.map { String(decoding: trimmed($0), as: UTF8.self) }
      }
      columns = try Self.columns(names, path)
      summary = Self.summary(dialect, names, columns)
    }
    fields = header
    fieldsRead = (columns.values.max() ?? 0) + 2
    isHeaderAhead = !isJSON
    lines = LineReader(TextSource(source, sample.encoding))
  }

  private static func columns(_ names: [String], _ path: String) throws(DatasetError) -> [RankedListField: Int] {
    var columns: [RankedListField: Int] = [:]
    for (index, name) in names.enumerated() {
      guard let field = RankedListField(named: name) else { continue }
      guard columns[field] == nil else {
        throw DatasetError(
          .columns("two columns are the \(field.rawValue): \(names[columns[field]!]) and \(name); rename one of them"), path: path)
      }
      columns[field] = index
    }
    let missing = [RankedListField.user, .item].filter { columns[$0] == nil }.map(\.rawValue)
    guard missing.isEmpty, columns[.score] ?? columns[.rank] != nil else {
      let lacking = missing.isEmpty ? "score or rank" : missing.joined(separator: " and ")
      throw DatasetError(
        .columns(
          "the first line must name the columns user, item and score or rank, and it lacks \(lacking): it is \"\(names.joined(separator: "\", \""))\""
        ), path: path)
    }
    return columns
  }

  private static func summary(_ dialect: Dialect, _ names: [String], _ columns: [RankedListField: Int]) -> String {
    let taken = RankedListField.allCases.compactMap { field in columns[field].map { "\(field.rawValue) = \(names[$0])" } }
    let left = names.indices.filter { !columns.values.contains($0) }.map { names[$0] }
    return "\(dialect.delimiter.name)-separated: \(taken.joined(separator: ", "))"
      + (left.isEmpty ? "" : "; left out: \(left.joined(separator: ", "))")
  }

  // MARK: Reading

  /// The next row that can be read; `nil` at the end.
  public func next() throws(DatasetError) -> Row? {
    while let line = try lines.next() {
      do throws(RankedListRow.Fault) {
        guard let row = try row(of: line) else { continue }
        report.rows += 1
        return row
      } catch { addBadLine(error) }
    }
    return nil
  }

  /// Counts the row that `next` returned last as a bad line: the caller cannot use it.
  public func reject(_ fault: RankedListRow.Fault) {
    report.rows -= 1
    addBadLine(fault)
  }

  /// The number of the line that was read last.
  public var lineNumber: Int { lines.lineNumber }

  /// `nil` for a blank line and the header.
  private func row(of line: LineReader.Line) throws(RankedListRow.Fault) -> Row? {
    text = UnsafeBufferPointer(start: nil, count: 0)
    guard case .bytes(let bytes) = line else {
      throw RankedListRow.Fault("too_long", "longer than \(LineReader.lineBytesMax) bytes")
    }
    text = bytes
    if trimmed(bytes).isEmpty { return nil }
    if isJSON { return .json(Array(bytes)) }
    switch fields.split(bytes, limit: fieldsRead) {
    case .whole: break
    case .damaged: throw RankedListRow.Fault("bad_quotes", "a quoted field is followed by other characters")
    case .open:
      guard let record = try? lines.record(fields.dialect), fields.split(record, limit: fieldsRead) == .whole else {
        throw RankedListRow.Fault("bad_quotes", "a quoted field is not closed")
      }
      text = record
    }
    if isHeaderAhead {
      isHeaderAhead = false
      return nil
    }
    return .columns(try columnsOfRow())
  }

  private func columnsOfRow() throws(RankedListRow.Fault) -> RankedListRow {
    guard let user = cell(.user), let item = cell(.item) else {
      throw RankedListRow.Fault("few_columns", "\(fields.count) columns only")
    }
    var row = RankedListRow(user: Array(user), item: Array(item))
    try RankedListRow.checkIDs(user: row.user, item: row.item)
    if let cell = cell(.score), !cell.isEmpty {
      guard let score = parseNumber(cell) else { throw RankedListRow.Fault("bad_score", "the score is no finite number") }
      row.score = score
    }
    if let cell = cell(.rank), !cell.isEmpty {
      guard let rank = parseNumber(cell).flatMap({ Int(exactly: $0) }), rank >= 0 else {
        throw RankedListRow.Fault("bad_rank", "the rank is no whole number of at least 0")
      }
      row.rank = rank
    }
    return row
  }

  private func cell(_ field: RankedListField) -> UnsafeBufferPointer<UInt8>? {
    columns[field].flatMap { $0 < fields.count ? trimmed(fields[$0]) : nil }
  }

  private func addBadLine(_ fault: RankedListRow.Fault) {
    report.addBadLine(BadLine(line: lines.lineNumber, reason: fault.reason), kind: fault.kind)
    rejects?.add(line: lines.lineNumber, reason: fault.reason, text: text)
  }
}
