import Foundation
import PostgresTables
import Testing

/// Servers that are not there, passwords and rights.
@Suite(.disabled(if: PrivateServer.isMissing, "SKIPPED: Postgres is not installed; FRESHET_REQUIRE_POSTGRES=1 makes this a failure"))
struct AccessTests {
  private static func begin(_ url: String, _ options: PostgresOptions = PostgresOptions()) throws -> PostgresTable {
    try .begin(PostgresAddress(url), table: TestDatabase.lists, columns: TestDatabase.columns, options)
  }

  @Test func aServerThatIsNotThereIsNamed() throws {
    let refused = TestDatabase.error { _ = try Self.begin("postgresql://shop@127.0.0.1:1/shop") }
    #expect(refused?.code == .unavailable)
    #expect(refused?.description.contains("127.0.0.1") == true && refused?.description.contains("port 1") == true)
    #expect(refused?.description.contains("\n") == false)
    let unknown = TestDatabase.error { _ = try Self.begin("postgresql://shop@nowhere.invalid/shop") }
    #expect(unknown?.code == .unavailable && unknown?.description.contains("nowhere.invalid") == true)
    let database = TestDatabase.error { _ = try Self.begin(PrivateServer.shared().url("no_such_database")) }
    #expect(database?.description.contains(#"database "no_such_database" does not exist"#) == true)
  }

  @Test func aServerThatAcceptsAndSaysNothingTimesOut() throws {
    let silent = try SilentServer()
    var options = PostgresOptions()
    options.connectTimeout = .seconds(2)
    let start = ContinuousClock.now
    let error = TestDatabase.error { _ = try Self.begin("postgresql://shop@/shop?host=\(silent.directory)&port=5432", options) }
    #expect(error?.code == .unavailable && error?.description.contains("timeout expired") == true)
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test func aPasswordComesFromTheFileOfPasswords() throws {
    let database = try TestDatabase()
    let user = PrivateServer.userWithPassword
    try database.query("GRANT CREATE ON SCHEMA public TO \(user)")
    let file = "/tmp/freshet-pgpass-\(UUID().uuidString)"
    defer { unlink(file) }
    func write(_ password: String) throws {
      try Data("*:*:*:\(user):\(password)\n".utf8).write(to: URL(filePath: file))
      chmod(file, 0o600)
    }
    let url = database.url(user: user) + "&passfile=\(file)"
    let missing = TestDatabase.error { _ = try Self.begin(url) }
    #expect(missing?.code == .denied && missing?.description.contains("~/.pgpass") == true)
    try write("canary-wrong")
    let wrong = TestDatabase.error { _ = try Self.begin(url) }
    #expect(wrong?.code == .denied && wrong?.description.contains("canary") == false)
    try write(PrivateServer.password)
    #expect(try Self.begin(url).finish().rows == 0)
  }

  @Test func everythingMayComeFromTheEnvironment() throws {
    let database = try TestDatabase()
    try database.query("GRANT CREATE ON SCHEMA public TO \(PrivateServer.userWithPassword)")
    let status = try HelperProcess(
      "few",
      [
        "PGHOST": database.server.directory, "PGPORT": "5432", "PGDATABASE": database.name, "PGUSER": PrivateServer.userWithPassword,
        "PGPASSWORD": PrivateServer.password,
      ]
    ).waitUntilItEnds()
    #expect(status == 0)
    #expect(try database.epochs() == [7: 3])
  }

  @Test func missingRightsAreNamedBeforeAnyRowIsMade() throws {
    let database = try TestDatabase()
    let user = try database.role()
    let schema = TestDatabase.error { _ = try database.begin(user: user) }
    #expect(schema?.code == .denied && schema?.description.contains("permission denied for schema public") == true)
    try database.write(20, epoch: 1)
    try database.query("GRANT SELECT, INSERT ON lists TO \(user)")
    let table = TestDatabase.error { _ = try database.begin(user: user) }
    #expect(table?.code == .denied)
    #expect(table?.description.contains(#"GRANT TRUNCATE ON "public"."lists""#) == true, "\(table?.description ?? "")")
    // Neither SELECT nor ownership is needed.
    try database.query("REVOKE SELECT ON lists FROM \(user); GRANT TRUNCATE ON lists TO \(user)")
    try database.write(30, epoch: 2, user: user)
    #expect(try database.epochs() == [2: 30])
    try database.query("REVOKE TEMPORARY ON DATABASE \(database.name) FROM PUBLIC")
    let temporary = TestDatabase.error { _ = try database.begin(user: user) }
    #expect(temporary?.code == .denied && temporary?.description.contains("temporary tables") == true)
  }

  @Test func aDefaultOfReadOnlyTransactionsDoesNotCount() throws {
    let database = try TestDatabase()
    try database.query("ALTER DATABASE \(database.name) SET default_transaction_read_only = on")
    #expect(try database.write(5, epoch: 1).rows == 5)
  }

  /// Limits that a database has for its readers would end an export in the middle.
  @Test func timeoutsOfTheDatabaseDoNotCountWhileRowsAreMade() throws {
    let database = try TestDatabase()
    try database.query("ALTER DATABASE \(database.name) SET statement_timeout = 300")
    let table = try database.begin()
    try table.append(TestDatabase.row(0, epoch: 1))
    usleep(600_000)
    #expect(try table.finish().rows == 1)
  }

  @Test func aStatementThatTakesTooLongIsGivenUp() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    try database.query(
      """
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON lists FOR EACH STATEMENT EXECUTE FUNCTION slow()
      """)
    var options = PostgresOptions()
    options.statementTimeout = .milliseconds(300)
    let start = ContinuousClock.now
    let error = TestDatabase.error { try database.write(30, epoch: 2, options: options) }
    #expect(error?.code == .unavailable && error?.description.contains("longer than it may") == true, "\(error?.description ?? "")")
    #expect(ContinuousClock.now - start < .seconds(20))
    #expect(try database.epochs() == [1: 20])
  }
}

/// Accepts connections on a Unix socket and never answers.
private final class SilentServer {
  let directory: String
  private let listener: Int32

  init() throws {
    var template = Array("/tmp/freshet-silent-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "\(directory)/.s.PGSQL.5432".utf8) }
    let listener = listener
    let isListening = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(listener, 4) == 0
      }
    }
    precondition(isListening, "no socket for the silent server")
  }

  deinit {
    close(listener)
    try? FileManager.default.removeItem(atPath: directory)
  }
}
