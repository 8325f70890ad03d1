import Foundation
import PostgresTables
import Synchronization
import Testing

/// The moment at which the new rows replace the old ones.
@Suite(.disabled(if: PrivateServer.isMissing, "SKIPPED: Postgres is not installed; FRESHET_REQUIRE_POSTGRES=1 makes this a failure"))
struct SwapTests {
  private static var impatient: PostgresOptions {
    var options = PostgresOptions()
    (options.lockTimeout, options.lockAttempts, options.lockPause) = (.milliseconds(100), 3, .milliseconds(20))
    return options
  }

  @Test func readersAlwaysSeeAWholeTable() throws {
    let database = try TestDatabase()
    let rows = 20_000
    try database.write(rows, epoch: 0)
    let seen = Mutex<[[String?]]>([])
    let isOver = Mutex(false)
    let group = DispatchGroup()
    // As one statement, and as drivers send it that separate parameters.
    for parameters in [[], ["-1"]] {
      let reader = try database.connection()
      let statement = "SELECT count(*), min(epoch), max(epoch) FROM lists" + (parameters.isEmpty ? "" : " WHERE epoch > $1::bigint")
      group.enter()
      Thread.detachNewThread {
        while !isOver.withLock({ $0 }) {
          let row = (try? reader.query(statement, parameters))?.first ?? ["failed"]
          seen.withLock { $0.append(row) }
        }
        group.leave()
      }
    }
    for epoch in 1...10 { try database.write(rows, epoch: epoch) }
    isOver.withLock { $0 = true }
    group.wait()
    let counts = seen.withLock { $0 }
    #expect(counts.allSatisfy { $0.count == 3 && $0[0] == "\(rows)" && $0[1] == $0[2] }, "\(Set(counts))")
    #expect(Set(counts.map { $0.last ?? nil }).count > 5)
    print("readersAlwaysSeeAWholeTable: \(counts.count) reads of \(rows) rows during 10 swaps")
  }

  @Test func aSnapshotFromBeforeTheSwapFindsTheTableEmpty() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let reader = try database.connection()
    try reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ")
    try reader.query("SELECT 1")
    try database.write(20, epoch: 2)
    #expect(try reader.query("SELECT count(*) FROM lists") == [["0"]])
    try reader.query("COMMIT")
    #expect(try reader.query("SELECT count(*) FROM lists") == [["20"]])
  }

  /// What the doc comment of PostgresTable says of statements that wait for the swap; a server that behaves in another way makes it wrong.
  @Test(arguments: [
    ("SELECT count(*) FROM lists", 30), ("WITH n AS (SELECT * FROM lists) SELECT count(*) FROM n", 30), ("SELECT volatile_count()", 30),
    ("INSERT INTO seen SELECT * FROM lists", 30), ("CREATE TEMPORARY TABLE seen AS SELECT * FROM lists", 30),
    ("DECLARE seen CURSOR WITH HOLD FOR SELECT * FROM lists", 30), ("EXECUTE prepared", 0), ("SELECT stable_count()", 0),
    ("COPY lists TO", 0),
    ("COPY (SELECT * FROM lists) TO", 0),
  ]) func whatWaitsForTheSwapSeesWhatItsSnapshotSays(statement: String, rows: Int) throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let count = "RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM lists); END'"
    try database.query(
      "CREATE TABLE seen (LIKE lists); CREATE FUNCTION volatile_count() \(count); CREATE FUNCTION stable_count() \(count) STABLE")
    let reader = try database.connection()
    try reader.query("PREPARE prepared AS SELECT count(*) FROM lists; SET plan_cache_mode = force_generic_plan; EXECUTE prepared")
    let swap = try database.connection()
    try swap.query("BEGIN; TRUNCATE lists; INSERT INTO lists SELECT 'u', n, 'i', 0, 2 FROM generate_series(1, 30) AS n")
    let file = "'\(database.server.directory)/\(database.name).copy'"
    let answer = Mutex<[[String?]]>([])
    let hasAnswered = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let rows = (try? reader.query(statement + (statement.hasPrefix("COPY") ? " \(file)" : ""))) ?? [["failed"]]
      answer.withLock { $0 = rows }
      hasAnswered.signal()
    }
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'lists'::regclass AND NOT granted"
    #expect(try TestDatabase.eventually { try database.value(waiting) == "1" })
    try swap.query("COMMIT")
    hasAnswered.wait()
    var found = answer.withLock { $0 }
    if statement.hasPrefix("COPY") { try reader.query("COPY seen FROM \(file)") }
    if statement.hasPrefix("DECLARE") { found = [["\(try reader.query("FETCH ALL FROM seen").count)"]] }
    if found.isEmpty { found = try reader.query("SELECT count(*) FROM seen") }
    #expect(found == [["\(rows)"]])
  }

  @Test func aReaderWhoKeepsTheLockIsReportedAndTheOldRowsStay() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let reader = try database.connection()
    try reader.query("BEGIN")
    let pid = try reader.query("SELECT pg_backend_pid() FROM lists LIMIT 1").first?[0]
    let start = ContinuousClock.now
    let error = TestDatabase.error { try database.write(30, epoch: 2, options: Self.impatient) }
    #expect(error?.code == .busy)
    for part in ["3 attempts of 0.1 seconds", "process \(pid ?? "?") of postgres", "keeps its old rows", "End those transactions"] {
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
    #expect(ContinuousClock.now - start >= .milliseconds(340))
    // The reader still has its lock, and others are not kept waiting.
    #expect(try database.epochs() == [1: 20])
    try reader.query("COMMIT")
    #expect(try database.write(30, epoch: 2, options: Self.impatient).attempts == 1)
    #expect(try database.epochs() == [2: 30])
  }

  @Test func aReaderWhoLetsGoIsWaitedFor() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let reader = try database.connection()
    try reader.query("BEGIN; SELECT 1 FROM lists")
    var options = Self.impatient
    options.lockAttempts = 1_000
    let table = try database.begin(options: options)
    for number in 0..<30 { try table.append(TestDatabase.row(number, epoch: 2)) }
    let hasEnded = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      // Lets go when the swap has waited for it, and failed, at least once.
      _ = try? TestDatabase.eventually { try !database.processes(where: "wait_event_type = 'Lock'").isEmpty }
      _ = try? TestDatabase.eventually { try database.processes(where: "wait_event_type = 'Lock'").isEmpty }
      _ = try? reader.query("COMMIT")
      hasEnded.signal()
    }
    let summary = try table.finish()
    hasEnded.wait()
    #expect(summary.attempts > 1)
    #expect(try database.epochs() == [2: 30])
  }

  /// Two programs that create the same table: one of them says what to do, and does not wait for hours.
  @Test func theSecondCreatorOfATableIsToldSo() throws {
    let database = try TestDatabase()
    let first = try database.begin()
    let error = TestDatabase.error { _ = try database.begin(options: Self.impatient) }
    #expect(error?.code == .busy && error?.description.contains("another transaction holds it") == true, "\(error?.description ?? "")")
    _ = try first.finish()
    _ = try database.begin(options: Self.impatient).finish()
  }

  @Test func aTableThatVanishesMeanwhileIsReported() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let table = try database.begin()
    try database.query("DROP TABLE lists")
    let error = TestDatabase.error { _ = try table.finish() }
    #expect(error?.code == .mismatch && error?.description.contains("removed the table meanwhile") == true)
  }
}
