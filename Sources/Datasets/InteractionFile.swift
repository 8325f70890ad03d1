/// Reads a file of interactions, plain or gzip, or standard input, line by line in bounded memory.
///
/// A file is delimited text, whose columns are found by the names of its header or by position, or one JSON event per line, which is
/// returned as bytes. A bad line is skipped, counted in `report` and written to `rejects`. A file is refused at `init` if more than half
/// of its first 1,000 lines are bad or if its columns look like something else (`Finding`).
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
    /// How many bad lines there are of each kind, and the first one.
    public var kinds: [String: Kind] = [:]
    /// Column names, if the first line is a header.
    public var header: [String]?

    static let firstBadLinesMax = 5

    public struct Kind: Equatable, Sendable {
      public var count: Int
      public var first: BadLine
    }

    mutating func addBadLine(_ bad: BadLine, kind: String) {
      badLines += 1
      if firstBadLines.count < Self.firstBadLinesMax { firstBadLines.append(bad) }
      kinds[kind, default: Kind(count: 0, first: bad)].count += 1
    }
  }

  public let path: String
  public var format: Format { layout.format }
  public var isCompressed: Bool { source.isCompressed }
  /// Size on disk in bytes; `nil` for a pipe.
  public var sizeBytes: Int? { source.sizeBytes }
  /// Bytes read from disk so far; divide by `sizeBytes` for the progress.
  public var bytesRead: Int { source.bytesRead }
  /// Counts so far.
  public private(set) var report = Report()
  /// What looks wrong about the columns and is no reason to refuse them.
  public var warnings: [Finding] { findings.filter { $0.severity == .warning } }
  /// Everything that looks wrong about the columns.
  public var findings: [Finding] { layout.findings }
  /// The columns that are read, for `--columns`; `nil` for JSON.
  public var selection: String? { layout.columns?.selectionText(layout.header) }
  /// The fields that a column holds; `nil` for JSON.
  public var fields: Set<InteractionField>? { layout.columns.map { Set($0.columns.keys) } }
  /// Whether rows have times; JSON events do.
  public var hasTimes: Bool { layout.columns.map { $0[.time] != nil } ?? true }
  /// The columns that the cells suggest, for `--columns`, if these are others.
  public var proposal: String? { layout.proposal }

  let layout: FileLayout
  private let source: ByteSource
  private let lines: LineReader
  private let parser: LineParser
  private let rejects: RejectedLines?

  /// Opens a file and judges a sample of it.
  ///
  /// - Parameters:
  ///   - path: a file, or `-` for standard input.
  ///   - rejects: takes the bad lines.
  public convenience init(path: String, options: ReadingOptions = ReadingOptions(), rejects: RejectedLines? = nil) throws(DatasetError) {
    try self.init(path: path, options: options, rejects: rejects, refusesFindings: true)
  }

  public convenience init(path: String, format: Format?) throws(DatasetError) {
    try self.init(path: path, options: ReadingOptions(format: format))
  }

  /// - Parameter refusesFindings: whether implausible columns are an error; if not, the caller reports `findings`.
  public init(path: String, options: ReadingOptions, rejects: RejectedLines?, refusesFindings: Bool) throws(DatasetError) {
    self.path = path
    self.rejects = rejects
    source = try ByteSource(path: path)
    layout = try FileLayout(source, options)
    if refusesFindings { try layout.refuse() }
    lines = LineReader(TextSource(source, layout.encoding))
    parser = LineParser(layout)
    report.header = layout.header
  }

  /// The next valid row; `nil` at the end.
  public func next() throws(DatasetError) -> Row? {
    while let line = try lines.next() {
      if let row = try parser.parse(line, lines) {
        report.rows += 1
        return row
      }
      if let fault = parser.fault { addBadLine(fault.reason, kind: fault.kind) }
    }
    return nil
  }

  /// Calls `body` for each remaining row.
  public func readRows(_ body: (Row) throws -> Void) throws {
    while let row = try next() { try body(row) }
  }

  /// Counts the row that `next` returned last as a bad line: the caller cannot use it.
  ///
  /// - Parameter kind: the same word for all reasons of one kind.
  public func reject(_ reason: String, kind: String) {
    report.rows -= 1
    addBadLine(reason, kind: kind)
  }

  /// Judges the numbers of users and items of the whole file, which a sample does not tell.
  public func refuseCounts(users: Int, items: Int) throws(DatasetError) {
    try layout.refuseCounts(rows: report.rows, users: users, items: items)
  }

  private func addBadLine(_ reason: String, kind: String) {
    report.addBadLine(BadLine(line: lines.lineNumber, reason: reason), kind: kind)
    rejects?.add(line: lines.lineNumber, reason: reason, text: parser.text)
  }
}
