import Foundation
import PostgresTables
import Testing

/// Writers that end in the middle.
@Suite(.disabled(if: PrivateServer.isMissing, "SKIPPED: Postgres is not installed; FRESHET_REQUIRE_POSTGRES=1 makes this a failure"))
struct EndTests {
  /// Enough that the server has some of them.
  private static let rows = 50_000

  private static func isAsBefore(_ database: TestDatabase) throws -> Bool {
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND (relname LIKE '%staging%' OR relname = 'new')"
    return try database.epochs() == [1: 20] && database.value(tables) == "0" && database.processes().isEmpty
  }

  private static func half(_ database: TestDatabase, _ table: PostgresTableName = TestDatabase.lists) throws -> PostgresTable {
    let table = try database.begin(table)
    for number in 0..<rows { try table.append(TestDatabase.row(number, epoch: 2)) }
    return table
  }

  @Test func aWriterThatIsDroppedLeavesNothing() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    for name in ["lists", "new"] {
      var table: PostgresTable? = try Self.half(database, PostgresTableName(name))
      withExtendedLifetime(table) {}
      table = nil
      // The transaction has ended; the process of the server ends a moment later.
      #expect(try database.value("SELECT count(*) FROM pg_locks WHERE relation = 'lists'::regclass") == "0")
      #expect(try TestDatabase.eventually { try Self.isAsBefore(database) })
    }
  }

  @Test func anAbortedWriterLeavesNothing() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let table = try Self.half(database)
    table.abort()
    table.abort()
    #expect(try TestDatabase.eventually { try Self.isAsBefore(database) })
  }

  @Test(arguments: ["lists", "new"]) func aWriterThatIsKilledAmongTheRowsLeavesNothing(name: String) throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let helper = try HelperProcess("endless", ["HELPER_URL": database.url(), "HELPER_TABLE": name])
    defer { helper.kill() }
    #expect(try TestDatabase.eventually { try !database.processes(where: "query LIKE 'COPY%'").isEmpty })
    // Some megabytes are in the staging table.
    #expect(
      try TestDatabase.eventually {
        (Int(try database.value("SELECT max(bytes_processed) FROM pg_stat_progress_copy") ?? "") ?? 0) > 4 << 20
      })
    helper.kill()
    #expect(try TestDatabase.eventually { try Self.isAsBefore(database) })
  }

  /// The server would otherwise go on, with the table locked, until the statement is done.
  @Test func aWriterThatIsKilledDuringTheSwapLeavesNothing() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    try database.query(
      """
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(120); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON lists FOR EACH STATEMENT EXECUTE FUNCTION slow()
      """)
    let helper = try HelperProcess("few", ["HELPER_URL": database.url(), "HELPER_TABLE": "lists"])
    defer { helper.kill() }
    #expect(try TestDatabase.eventually { try !database.processes(where: "wait_event = 'PgSleep'").isEmpty })
    helper.kill()
    #expect(try TestDatabase.eventually({ try database.processes().isEmpty }, within: .seconds(10)))
    #expect(try Self.isAsBefore(database))
  }

  @Test func aBrokenConnectionIsNoticedWhileRowsAreMade() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let table = try Self.half(database)
    #expect(try database.value("SELECT count(pg_terminate_backend(\(database.processes()[0])))") == "1")
    #expect(try TestDatabase.eventually { try database.processes().isEmpty })
    let error = TestDatabase.error { for number in 0..<Self.rows { try table.append(TestDatabase.row(number, epoch: 2)) } }
    #expect(error?.code == .unavailable, "\(error?.description ?? "no error")")
    #expect(try Self.isAsBefore(database))
  }

  @Test func aServerThatTakesNoRowsAnyMoreTimesOut() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    var options = PostgresOptions()
    options.statementTimeout = .milliseconds(500)
    let table = try database.begin(options: options)
    let process = try database.processes()[0]
    kill(process, SIGSTOP)
    defer { kill(process, SIGCONT) }
    let error = TestDatabase.error { for number in 0..<10 * Self.rows { try table.append(TestDatabase.row(number, epoch: 2)) } }
    #expect(error?.code == .unavailable && error?.description.contains("no answer in time") == true, "\(error?.description ?? "no error")")
    kill(process, SIGCONT)
    #expect(try TestDatabase.eventually { try Self.isAsBefore(database) })
  }
}
