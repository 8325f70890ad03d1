/// Writes a table as a whole: rows go into a staging table first, and then replace those of the table within the same transaction.
///
/// Privileges, views and indexes of the table stay. Until `finish` has returned, nothing has changed, and what ends earlier, by `abort`,
/// by dropping this or by a crash, leaves nothing behind. A SELECT sees all of the old rows or all of the new ones.
///
/// **TRUNCATE knows locks, not snapshots.** What takes its snapshot first and comes to the table only after the swap finds it empty:
/// transactions in `REPEATABLE READ` or `SERIALIZABLE` (pg_dump is one), and `COPY ... TO`, SQL's `EXECUTE` and functions that are
/// `STABLE` if they wait while the rows are swapped. `SwapTests` has the list.
///
/// Not Sendable: one thread at a time.
public final class PostgresTable {
  /// Rows are sent in pieces of about this size.
  private static let pieceBytes = 1 << 16
  private static let staging = "pg_temp.freshet_staging"
  private static let abortTimeout = Duration.seconds(1)

  private let table: PostgresTableName
  private let columns: [PostgresColumn]
  private let options: PostgresOptions
  private let isNewTable: Bool
  /// `nil` when the transaction has ended.
  private var connection: PostgresConnection?
  private var rows: BinaryRows
  private var bytes = 0

  /// Connects, creates the table if there is none, and prepares everything for rows.
  /// - Parameters:
  ///   - columns: an existing table may have more, if those have a default or may be null.
  ///   - primaryKey: of a table that is created; may be empty. An existing one keeps its own.
  public static func begin(
    _ address: PostgresAddress, table: PostgresTableName, columns: [PostgresColumn], primaryKey: [String] = [],
    _ options: PostgresOptions = PostgresOptions()
  ) throws(PostgresError) -> PostgresTable {
    check(columns, primaryKey)
    return try PostgresTable(address, table, columns, primaryKey, options)
  }

  private static func check(_ columns: [PostgresColumn], _ primaryKey: [String]) {
    precondition(!columns.isEmpty, "a table has at least one column")
    for column in columns {
      if let problem = PostgresName.problem(column.name) { preconditionFailure("column \(column.name): \(problem)") }
      precondition(columns.count { $0.name == column.name } == 1, "two columns are called \(column.name)")
    }
    precondition(primaryKey.allSatisfy { key in columns.contains { $0.name == key } }, "the key has other columns than the table")
  }

  private init(
    _ address: PostgresAddress, _ table: PostgresTableName, _ columns: [PostgresColumn], _ primaryKey: [String], _ options: PostgresOptions
  ) throws(PostgresError) {
    let connection = try PostgresConnection(address, connectTimeout: options.connectTimeout)
    let transaction = TableTransaction(connection, options)
    try transaction.begin()
    let existing = try ExistingTable(table, on: connection, within: options.statementTimeout)
    if let problem = existing?.problem(columns) { throw PostgresError(problem.code, "\(connection.name): \(problem)") }
    if existing == nil { try transaction.create(table, columns, primaryKey) }
    try transaction.copy(into: Self.staging, columns)
    (self.connection, self.columns, self.options) = (connection, columns, options)
    // With its schema, so that it stays the same table whatever is created meanwhile.
    self.table = existing?.name ?? table
    isNewTable = existing == nil
    rows = BinaryRows(columns)
  }

  deinit { abort() }

  /// - Parameter row: a value for each column, of its kind. A row that is refused leaves no trace; the caller may go on without it.
  public func append(_ row: [PostgresValue]) throws(PostgresError) {
    precondition(connection != nil, "the writing of \(table) has ended")
    try rows.append(row)
    if rows.bytes.count >= Self.pieceBytes { try untilAFailure { connection throws(PostgresError) in try send(connection) } }
  }

  private func send(_ connection: PostgresConnection) throws(PostgresError) {
    try connection.send(rows.bytes, within: options.statementTimeout)
    bytes += rows.bytes.count
    rows.removeSent()
  }

  /// Replaces the rows of the table; when this returns, they are durable.
  public func finish() throws(PostgresError) -> PostgresSummary {
    precondition(connection != nil, "the writing of \(table) has ended")
    let attempts = try untilAFailure { connection throws(PostgresError) in
      rows.end()
      try send(connection)
      let tag = try connection.endRows(within: options.statementTimeout)
      guard tag == "COPY \(rows.count)" else { throw PostgresError(.refused, "\(connection.name): \(tag) instead of \(rows.count) rows") }
      return try TableTransaction(connection, options).swap(table, Self.staging, columns)
    }
    connection = nil
    return PostgresSummary(rows: rows.count, bytes: bytes, attempts: attempts, isNewTable: isNewTable)
  }

  /// After a failure there is nothing to go on with: locks and the staging table go at once, not when this object does.
  private func untilAFailure<Result>(_ step: (PostgresConnection) throws(PostgresError) -> Result) throws(PostgresError) -> Result {
    guard let connection else { preconditionFailure("the writing of \(table) has ended") }
    do { return try step(connection) } catch {
      abort()
      throw error
    }
  }

  /// Forgets the rows and leaves the table as it was; does nothing after `finish`.
  public func abort() {
    // The server rolls back when the connection ends. To ask for it first makes sure that it has happened when this returns.
    connection?.rollBack(within: Self.abortTimeout)
    connection = nil
  }
}
