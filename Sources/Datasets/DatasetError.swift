/// An error while reading a data file; the description says what to do.
public struct DatasetError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Code: Equatable, Sendable {
    case missing
    case isDirectory
    case unreadable(String)
    case truncatedGzip(afterBytes: Int)
    case corruptGzip(String)
    case unknownFormat(String)
    case notInteractions(format: InteractionFormat, badLines: Int, lines: Int, first: [BadLine])
  }

  public let code: Code
  public let path: String

  public init(_ code: Code, path: String) {
    self.code = code
    self.path = path
  }

  public var description: String {
    switch code {
    case .missing: "\(path): no such file; check the path"
    case .isDirectory: "\(path): is a directory; name one file in it"
    case .unreadable(let why): "\(path): cannot be read (\(why)); check its permissions"
    case .truncatedGzip(let bytes): "\(path): the gzip data ends early, after \(bytes) unpacked bytes; copy or download the file again"
    case .corruptGzip(let why): "\(path): the gzip data is damaged (\(why)); copy or download the file again"
    case .unknownFormat(let why): "\(path): \(why); specify the format with --format tsv, csv or jsonl"
    case .notInteractions(let format, let badLines, let lines, let first):
      "\(path): \(badLines) of the first \(lines) lines are not \(format.rawValue) interactions; expected \(format.expectedForm)"
        + (first.first.map { "; line \($0.line): \($0.reason)" } ?? "") + "; use --format to select another format"
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
