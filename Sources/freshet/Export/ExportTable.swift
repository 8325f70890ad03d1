import Telemetry

/// What can be exported, and its columns.
enum ExportKind: String, CaseIterable {
  case interactions, factors, lists, popular, similar, candidates

  enum ColumnType { case text, integer, epoch, float, time, floats }

  struct Column {
    let name: String
    let type: ColumnType
    /// Whether values may be missing.
    var isNullable = false
  }

  var columns: [Column] {
    switch self {
    case .interactions:
      [
        .init(name: "user", type: .text), .init(name: "item", type: .text), .init(name: "strength", type: .float),
        .init(name: "time", type: .time),
      ]
    case .factors:
      [
        .init(name: "kind", type: .text), .init(name: "id", type: .text), .init(name: "epoch", type: .epoch),
        .init(name: "factors", type: .floats),
      ]
    case .lists:
      [
        .init(name: "user", type: .text), .init(name: "rank", type: .integer), .init(name: "item", type: .text),
        .init(name: "score", type: .float), .init(name: "epoch", type: .epoch), .init(name: "source", type: .text),
      ]
    case .popular: [.init(name: "rank", type: .integer), .init(name: "item", type: .text), .init(name: "score", type: .float)]
    case .similar:
      [
        .init(name: "item", type: .text), .init(name: "rank", type: .integer), .init(name: "similar", type: .text),
        .init(name: "score", type: .float), .init(name: "epoch", type: .epoch),
      ]
    case .candidates: CandidateTable.columns
    }
  }

  /// The columns whose values a row has for itself.
  var key: [String] {
    switch self {
    case .interactions: ["user", "item"]
    case .factors: ["kind", "id"]
    case .lists: ["user", "rank"]
    case .popular: ["rank"]
    case .similar: ["item", "rank"]
    case .candidates: ["part", "user", "item"]
    }
  }
}

/// One value of a row.
enum ExportValue {
  /// UTF-8.
  case text([UInt8])
  case integer(Int)
  case float(Float)
  /// Milliseconds since 1970.
  case time(Int64)
  case floats([Float])
  /// A missing value, of a column that is nullable.
  case null

  static func text(_ word: String) -> ExportValue { .text(Array(word.utf8)) }
  static func integer(_ number: Int?) -> ExportValue { number.map { .integer($0) } ?? .null }
  static func float(_ number: Float?) -> ExportValue { number.map { .float($0) } ?? .null }
}

/// Writes rows in one format.
protocol ExportWriter {
  /// - Parameter row: one value for each column, of its type.
  mutating func append(_ row: [ExportValue]) throws
  mutating func finish() throws
}

/// Where rows come from.
protocol ExportRows {
  /// What a report says of the origin of the rows, once they were handed over.
  var report: [(key: String, value: JSONValue)] { get }
  /// How many rows are to be expected, for the progress.
  func count(of kind: ExportKind) -> Int
  /// Hands over all rows.
  mutating func rows(of kind: ExportKind, _ body: ([ExportValue]) throws -> Void) throws
}
