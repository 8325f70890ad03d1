#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The statements of the transaction that replaces a table.
struct TableTransaction {
  private let connection: PostgresConnection
  private let options: PostgresOptions

  init(_ connection: PostgresConnection, _ options: PostgresOptions) { (self.connection, self.options) = (connection, options) }

  private func run(_ statement: String) throws(PostgresError) { try connection.run(statement, within: options.statementTimeout) }

  func begin() throws(PostgresError) {
    // Whatever the defaults of the user are.
    try run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    try run("SET LOCAL lock_timeout = \(options.lockTimeout.milliseconds)")
    try limitStatements(true)
    // Without it the server would go on with a statement, and keep its locks, after the program that wanted it was killed. Older servers
    // and some systems do not have it.
    try run("SAVEPOINT optional")
    let interval = "SET LOCAL client_connection_check_interval = 1000"
    if (try? connection.attempt(interval, within: options.statementTimeout)) == nil { try run("ROLLBACK TO SAVEPOINT optional") }
  }

  /// The limit of the user or the database does not count: for the time of a COPY, the makers of rows are responsible.
  private func limitStatements(_ isLimited: Bool) throws(PostgresError) {
    try run("SET LOCAL statement_timeout = \(isLimited ? options.statementTimeout.milliseconds : 0)")
  }

  func create(_ table: PostgresTableName, _ columns: [PostgresColumn], _ primaryKey: [String]) throws(PostgresError) {
    let key = primaryKey.isEmpty ? [] : ["PRIMARY KEY (\(primaryKey.map(PostgresName.quoted).joined(separator: ", ")))"]
    try run("CREATE TABLE \(table) (\((Self.definitions(columns) + key).joined(separator: ", ")))")
  }

  private static func definitions(_ columns: [PostgresColumn]) -> [String] {
    columns.map { "\(PostgresName.quoted($0.name)) \($0.kind.type)\($0.isNullable ? "" : " NOT NULL")" }
  }

  private static func names(_ columns: [PostgresColumn]) -> String { columns.map { PostgresName.quoted($0.name) }.joined(separator: ", ") }

  func copy(into staging: String, _ columns: [PostgresColumn]) throws(PostgresError) {
    try run("CREATE TEMPORARY TABLE \(staging) (\(Self.definitions(columns).joined(separator: ", "))) ON COMMIT DROP")
    try limitStatements(false)
    try run("COPY \(staging) (\(Self.names(columns))) FROM STDIN (FORMAT binary)")
  }

  /// - Returns: how many attempts it took.
  func swap(_ table: PostgresTableName, _ staging: String, _ columns: [PostgresColumn]) throws(PostgresError) -> Int {
    try limitStatements(true)
    let attempts = try truncate(table)
    try run("INSERT INTO \(table) (\(Self.names(columns))) SELECT \(Self.names(columns)) FROM \(staging)")
    // Where this user may not, it is a notice.
    try run("ANALYZE \(table)")
    try commit()
    return attempts
  }

  private func truncate(_ table: PostgresTableName) throws(PostgresError) -> Int {
    try run("SAVEPOINT swap")
    var attempt = 1
    while true {
      do {
        _ = try connection.attempt("TRUNCATE \(table)", within: options.statementTimeout)
        return attempt
      } catch {
        guard error.state == PostgresFault.lockNotAvailable else { throw error.error("\(connection.name): TRUNCATE \(table)") }
      }
      try run("ROLLBACK TO SAVEPOINT swap")
      if attempt >= options.lockAttempts { throw try inUse(table) }
      usleep(UInt32(options.lockPause.milliseconds) * 1_000)
      attempt += 1
    }
  }

  private func inUse(_ table: PostgresTableName) throws(PostgresError) -> PostgresError {
    let holders = try connection.run(Self.holderQuery, [table.description], within: options.statementTimeout).first?[0]
    return PostgresError(
      .busy,
      "\(connection.name): \(table) keeps its old rows, because others use it: \(options.lockAttempts) attempts of "
        + "\(options.lockTimeout) did not get its lock\(holders.map { ", which \($0) had at last" } ?? ""). End those transactions, or try "
        + "again when they have ended")
  }

  private static let holderQuery = """
    SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('process %s of %s', l.pid, coalesce(a.usename, '?')), ', ')
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND l.relation = pg_catalog.to_regclass($1)
    """

  private func commit() throws(PostgresError) {
    let tag: String
    do { tag = try connection.attempt("COMMIT", within: options.statementTimeout).tag } catch {
      guard error.state.isEmpty else { throw error.error("\(connection.name): COMMIT") }
      throw PostgresError(
        .unavailable, "\(connection.name): COMMIT: \(error.message): whether the new rows are there is not known; look, or run it again")
    }
    guard tag == "COMMIT" else { throw PostgresError(.refused, "\(connection.name): the server answers COMMIT with \(tag)") }
  }
}
