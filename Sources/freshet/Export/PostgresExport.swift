import PostgresTables

/// A table in Postgres, whose rows are replaced as a whole.
struct PostgresExport: ExportWriter {
  private let table: PostgresTable
  private(set) var summary: PostgresSummary?

  init(_ kind: ExportKind, to url: String?, table name: String?) throws {
    table = try PostgresTable.begin(
      try PostgresAddress(url), table: try PostgresTableName(name ?? kind.rawValue), columns: kind.columns.map(Self.column),
      primaryKey: kind.key)
  }

  private static func column(_ column: ExportKind.Column) -> PostgresColumn {
    let kind: PostgresColumn.Kind =
      switch column.type {
      case .text: .text
      case .integer: .integer
      case .epoch: .bigint
      case .float: .real
      case .time: .timestamptz
      case .floats: .realArray
      }
    return PostgresColumn(column.name, kind, isNullable: column.isNullable)
  }

  mutating func append(_ row: [ExportValue]) throws {
    try table.append(
      row.map { value in
        switch value {
        case .text(let bytes): .text(bytes)
        case .integer(let number): .integer(number)
        case .float(let number): .real(number)
        case .time(let milliseconds): .time(milliseconds)
        case .floats(let numbers): .reals(numbers)
        case .null: .null
        }
      })
  }

  mutating func finish() throws { summary = try table.finish() }
}
