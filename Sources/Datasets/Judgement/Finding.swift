/// Something about the columns of a file that looks wrong.
public struct Finding: Equatable, Sendable, CustomStringConvertible {
  public enum Severity: String, Sendable {
    case warning
    /// The file is not read unless the caller accepts the columns.
    case refusal
  }

  public var severity: Severity
  /// The rule of the table, in words with hyphens.
  public var rule: String
  /// One sentence.
  public var sentence: String
  /// The columns that it is about, from 1.
  public var columns: [Int]
  /// The share of the judged rows that show it.
  public var share: Double
  public var samples: [String]

  public var description: String { sentence }
}
