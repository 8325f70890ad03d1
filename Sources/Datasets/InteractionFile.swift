/// Reads a file of interactions, plain or gzip, line by line in bounded memory.
///
/// Lines are `user item [value] [timestamp]`, separated by tabs (`tsv`) or commas (`csv`, with quoted fields), or one JSON event each
/// (`jsonl`, returned as bytes). A bad line is skipped and counted in `report`. A file is rejected at `init` only if more than half of
/// its first 1,000 lines are bad.
public final class InteractionFile {
  public typealias Format = InteractionFormat

  /// A row: parsed columns, or one JSON event.
  public enum Row: Equatable, Sendable {
    case columns(InteractionRow)
    /// One line of JSON, not parsed yet.
    case event([UInt8])
  }

  /// Counts of rows and bad lines.
  public struct Report: Equatable, Sendable {
    public var rows = 0
    public var badLines = 0
    /// The first `firstBadLinesMax` bad lines.
    public var firstBadLines: [BadLine] = []
    /// Column names, if the first line is a header.
    public var header: [String]?

    static let firstBadLinesMax = 5

    mutating func addBadLine(_ line: Int, _ reason: String) {
      badLines += 1
      if firstBadLines.count < Self.firstBadLinesMax { firstBadLines.append(BadLine(line: line, reason: reason)) }
    }
  }

  static let linesJudged = 1000
  /// Bounds the memory for the rows that `init` reads ahead to check the file.
  static let bytesJudged = 8 << 20

  public let path: String
  public let format: Format
  public var isCompressed: Bool { lines.source.isCompressed }
  /// Size on disk in bytes; `nil` for a pipe.
  public var sizeBytes: Int? { lines.source.sizeBytes }
  /// Bytes read from disk so far; divide by `sizeBytes` for the progress.
  public var bytesRead: Int { lines.source.bytesRead }
  /// Counts so far.
  public private(set) var report = Report()

  private let lines: LineReader
  private var columns: InteractionColumns?
  private var fields = LineFields()
  /// Rows read ahead to check the file, in reverse order.
  private var readAhead: [Row] = []

  /// Opens a file. Without `format`, the format follows from the file name extension (`.tsv`, `.csv`, `.jsonl`, with or without `.gz`)
  /// or, if that is unknown, from the first line.
  public init(path: String, format: Format? = nil) throws(DatasetError) {
    self.path = path
    let source = try ByteSource(path: path)
    lines = LineReader(source)
    let named = format ?? Self.format(ofName: path)
    if let named {
      self.format = named
      try judge(firstLine: nil)
    } else {
      let first = try Self.firstLine(lines)
      self.format = first.map(Self.format(ofLine:)) ?? .tsv
      try judge(firstLine: first)
    }
  }

  deinit { fields.release() }

  /// The next valid row; `nil` at the end.
  public func next() throws(DatasetError) -> Row? {
    if let row = readAhead.popLast() {
      report.rows += 1
      return row
    }
    while let line = try lines.next() {
      if let row = parse(line) {
        report.rows += 1
        return row
      }
    }
    return nil
  }

  /// Calls `body` for each remaining row.
  public func readRows(_ body: (Row) throws -> Void) throws {
    while let row = try next() { try body(row) }
  }

  // MARK: Format

  static func format(ofName path: String) -> Format? {
    var name = path.lowercased()[...]
    for suffix in [".gz", ".gzip"] where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
    if name.hasSuffix(".tsv") || name.hasSuffix(".tab") { return .tsv }
    if name.hasSuffix(".csv") { return .csv }
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return .jsonl }
    return nil
  }

  private static func firstLine(_ lines: LineReader) throws(DatasetError) -> [UInt8]? {
    while let line = try lines.next() {
      if case .bytes(let bytes) = line, !trimmed(bytes).isEmpty { return Array(bytes) }
    }
    return nil
  }

  private static func format(ofLine line: [UInt8]) -> Format {
    if line.first(where: { $0 != 0x20 }) == 0x7B { return .jsonl }
    return !line.contains(0x09) && line.contains(0x2C) ? .csv : .tsv
  }

  // MARK: Lines

  private func judge(firstLine: [UInt8]?) throws(DatasetError) {
    var judged = 0
    var bytes = 0
    if let firstLine {
      firstLine.withUnsafeBufferPointer { if let row = parse(.bytes($0)) { readAhead.append(row) } }
      judged = 1
    }
    while judged < Self.linesJudged, bytes < Self.bytesJudged, let line = try lines.next() {
      if case .bytes(let line) = line { bytes += line.count }
      let badBefore = report.badLines
      if let row = parse(line) { readAhead.append(row) } else if report.badLines == badBefore { continue }
      judged += 1
    }
    if report.badLines * 2 > readAhead.count + report.badLines {
      let code = DatasetError.Code.notInteractions(
        format: format, badLines: report.badLines, lines: readAhead.count + report.badLines, first: report.firstBadLines)
      throw DatasetError(code, path: path)
    }
    readAhead.reverse()
  }

  /// Parses a line. Returns `nil` for blank lines, the header and bad lines; bad lines are recorded in `report`.
  private func parse(_ line: LineReader.Line) -> Row? {
    guard case .bytes(let bytes) = line else {
      report.addBadLine(lines.lineNumber, "longer than \(LineReader.lineBytesMax) bytes")
      return nil
    }
    guard let first = bytes.first(where: { $0 != 0x20 }) else { return nil }
    if format == .jsonl {
      if first == 0x7B { return .event(Array(bytes)) }
      report.addBadLine(lines.lineNumber, "not a JSON object")
      return nil
    }
    guard fields.split(bytes, at: format == .tsv ? 0x09 : 0x2C, quotes: format == .csv) else {
      report.addBadLine(lines.lineNumber, "a quoted field is not closed on its line")
      return nil
    }
    guard let columns else { return parseFirst() }
    return row(columns)
  }

  private func parseFirst() -> Row? {
    if let header = InteractionColumns.header(fields) {
      columns = InteractionColumns(header: header)
      report.header = header
      return nil
    }
    let positional = InteractionColumns(firstRow: fields)
    if fields.count >= 2 { columns = positional }
    return row(positional)
  }

  private func row(_ columns: InteractionColumns) -> Row? {
    switch columns.row(fields) {
    case .success(let row): return .columns(row)
    case .failure(let fault):
      report.addBadLine(lines.lineNumber, fault.reason)
      return nil
    }
  }
}
