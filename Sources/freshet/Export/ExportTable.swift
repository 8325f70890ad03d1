/// What can be exported, and its columns.
enum ExportKind: String, CaseIterable {
  case interactions, factors, lists, popular, similar

  enum ColumnType { case text, integer, epoch, float, time, floats }

  struct Column {
    let name: String
    let type: ColumnType
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

  static func text(_ word: String) -> ExportValue { .text(Array(word.utf8)) }
}

/// Writes rows in one format.
protocol ExportWriter {
  /// - Parameter row: one value for each column, of its type.
  mutating func append(_ row: [ExportValue]) throws
  mutating func finish() throws
}
