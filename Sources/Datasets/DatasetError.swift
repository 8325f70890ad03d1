/// An error while reading a data file; the description says what to do.
public struct DatasetError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Code: Equatable, Sendable {
    case missing
    case isDirectory
    case unreadable(String)
    case unwritable(String)
    case truncatedGzip(afterBytes: Int)
    case corruptGzip(String)
    /// A file of another kind, with the way to make a usable one of it.
    case otherKind(String)
    case notInteractions(form: String, badLines: Int, lines: Int, first: [BadLine], hint: String?)
    /// The columns that the caller or the header names cannot be used.
    case columns(String)
    /// The times need a pattern.
    case unclearTimes(String)
    /// The columns look like something else.
    case implausible([Finding], taken: String, hint: String?)
  }

  public let code: Code
  public let path: String

  public init(_ code: Code, path: String) {
    self.code = code
    self.path = path
  }

  private var name: String { path == ByteSource.standardInput ? "standard input" : path }

  public var description: String {
    switch code {
    case .missing: "\(name): no such file; check the path"
    case .isDirectory: "\(name): is a directory without Parquet files; name one file in it"
    case .unreadable(let why): "\(name): cannot be read (\(why)); check its permissions"
    case .unwritable(let why): "\(name): cannot be written (\(why)); check the directory and its permissions"
    case .truncatedGzip(let bytes): "\(name): the gzip data ends early, after \(bytes) unpacked bytes; copy or download the file again"
    case .corruptGzip(let why): "\(name): the gzip data is damaged (\(why)); copy or download the file again"
    case .otherKind(let why), .columns(let why), .unclearTimes(let why): "\(name): \(why)"
    case .notInteractions(let form, let badLines, let lines, let first, let hint):
      "\(name): \(badLines) of the first \(lines) lines are not interactions; read as \(form)"
        + (first.first.map { "; line \($0.line): \($0.reason)" } ?? "")
        + "; \(hint ?? "--columns, --delimiter and --format say how to read it")"
    case .implausible(let findings, let taken, let hint):
      "\(name): these columns do not look like interactions:\n"
        + findings.map { "  \($0.sentence)\n" }.joined() + "  Taken: \(taken).\n"
        + "  \(hint.map { "\($0). " } ?? "")If the columns are right, add --accept-columns."
    }
  }
}

/// A line that was skipped, with the reason.
public struct BadLine: Equatable, Sendable, CustomStringConvertible {
  /// Line number, starting at 1.
  public var line: Int
  public var reason: String
  public init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }
  public var description: String { "line \(line): \(reason)" }
}
