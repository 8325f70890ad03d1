/// Why a value or a file cannot be written.
public enum ParquetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Readers refuse such a value in a column of text, or replace its bytes without a word.
  case notText(column: String)
  case valueTooLong(column: String, bytes: Int)
  case file(path: String, problem: String)

  /// The longest value that is written, in bytes.
  public static let valueBytesMax = 64 << 20

  public var description: String {
    switch self {
    case .notText(let column):
      "the column \(column) holds text, and a value is not UTF-8: write it into a column of bytes, or leave the row out"
    case .valueTooLong(let column, let bytes):
      "a value of the column \(column) has \(bytes) bytes; at most \(Self.valueBytesMax) can be written"
    case .file(let path, let problem): "\(path): \(problem)"
    }
  }
}
