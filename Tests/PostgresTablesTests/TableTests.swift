import Foundation
import PostgresTables
import Testing

/// What is in a table afterwards, and which tables are not touched.
@Suite(.disabled(if: PrivateServer.isMissing, "SKIPPED: Postgres is not installed; FRESHET_REQUIRE_POSTGRES=1 makes this a failure"))
struct TableTests {
  private static let oddTexts = [
    "", " ", "plain", "it's", #"say "hi""#, #"a\b\\N"#, #"\N"#, "tab\there", "line\nend\r\n", "{a,b}", "größe", "日本語", "👩‍👩‍👧 e\u{301}",
    "\u{1}\u{7F}", "%s$1",
  ]

  @Test func everyTypeComesBackAsItWas() throws {
    let database = try TestDatabase()
    let columns = [
      PostgresColumn("t", .text), PostgresColumn("i", .integer), PostgresColumn("b", .bigint), PostgresColumn("r", .real),
      PostgresColumn("z", .timestamptz), PostgresColumn("a", .realArray),
    ]
    let name = try PostgresTableName("types")
    let table = try database.begin(name, columns)
    try table.append([.text("low"), .integer(Int(Int32.min)), .integer(.min), .real(-.infinity), .time(-1), .reals([])])
    try table.append([
      .text("high"), .integer(Int(Int32.max)), .integer(.max), .real(.infinity), .time(1_795_824_000_123),
      .reals([1, -.infinity, .nan, 0.1]),
    ])
    try table.append([
      .text("odd"), .integer(0), .integer(0), .real(.nan), .time(-62_135_596_800_000), .reals([.leastNonzeroMagnitude, -0.0]),
    ])
    let summary = try table.finish()
    #expect(summary.rows == 3 && summary.attempts == 1 && summary.isNewTable)
    let connection = try database.connection()
    try connection.query("SET TIME ZONE 'UTC'")
    let rows = try connection.query("SELECT * FROM types ORDER BY t")
    #expect(
      rows == [
        ["high", "2147483647", "9223372036854775807", "Infinity", "2026-11-28 00:00:00.123+00", "{1,-Infinity,NaN,0.1}"],
        ["low", "-2147483648", "-9223372036854775808", "-Infinity", "1969-12-31 23:59:59.999+00", "{}"],
        ["odd", "0", "0", "NaN", "0001-01-01 00:00:00+00", "{1e-45,-0}"],
      ])
    let types = try database.query(
      "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = 'types'::regclass AND attnum > 0")
    #expect(
      types.map { $0[0] } == ["text", "integer", "bigint", "real", "timestamp with time zone", "real[]"]
        && types.allSatisfy { $0[1] == "t" })
  }

  @Test func missingValuesAreNullWhereTheyMayBe() throws {
    let database = try TestDatabase()
    let kinds = PostgresColumn.Kind.allCases
    let columns = [PostgresColumn("n", .integer)] + kinds.enumerated().map { PostgresColumn("c\($0)", $1, isNullable: true) }
    let table = try database.begin(PostgresTableName("gaps"), columns)
    try table.append([.integer(1)] + kinds.map { _ in .null })
    try table.append([.integer(2), .text("t"), .integer(3), .integer(4), .real(5), .time(6), .reals([7])])
    _ = try table.finish()
    let rows = try database.query("SELECT num_nulls(c0, c1, c2, c3, c4, c5) FROM gaps ORDER BY n")
    #expect(rows == [["6"], ["0"]])
    #expect(try database.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'gaps'::regclass AND attnum > 0 AND attnotnull") == "1")
  }

  @Test func textsComeBackByteForByte() throws {
    let database = try TestDatabase()
    let table = try database.begin(PostgresTableName("texts"), [PostgresColumn("n", .integer), PostgresColumn("text", .text)])
    for (number, text) in Self.oddTexts.enumerated() { try table.append([.integer(number), .text(text)]) }
    _ = try table.finish()
    let rows = try database.query("SELECT encode(convert_to(text, 'UTF8'), 'hex') FROM texts ORDER BY n")
    #expect(rows.map { $0[0] } == Self.oddTexts.map { $0.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() })
  }

  @Test func noRowsMakeAnEmptyTable() throws {
    let database = try TestDatabase()
    #expect(try database.write(0, epoch: 1).rows == 0)
    #expect(try database.epochs() == [:])
    try database.write(25, epoch: 1)
    try database.write(0, epoch: 2)
    #expect(try database.epochs() == [:])
  }

  @Test func theNewTableHasItsKeyAndALaterOneIsReplaced() throws {
    let database = try TestDatabase()
    #expect(try database.write(25, epoch: 1).isNewTable)
    #expect(
      try database.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p'  AND conrelid = 'lists'::regclass")
        == #"PRIMARY KEY ("user", rank)"#)
    #expect(try database.write(31, epoch: 2).isNewTable == false)
    #expect(try database.epochs() == [2: 31])
    // ANALYZE has counted them, so that the first queries are planned well.
    #expect(try database.value("SELECT reltuples FROM pg_class WHERE oid = 'lists'::regclass") == "31")
  }

  @Test func namesMayHaveAnyCharacters() throws {
    let database = try TestDatabase()
    try database.query(#"CREATE SCHEMA "My ""shop"".""#)
    let name = try PostgresTableName(#""My ""shop""."."lists; DROP TABLE 'x' -- 😀""#)
    let columns = [PostgresColumn(#"a"b, c) --"#, .text), PostgresColumn("select", .realArray), PostgresColumn("Ä %s", .bigint)]
    for number in 1...2 {
      let table = try database.begin(name, columns)
      try table.append([.text("x"), .reals([1]), .integer(number)])
      _ = try table.finish()
    }
    #expect(try database.value("SELECT \"Ä %s\" FROM \(name)") == "2")
  }

  @Test func whatTheTableHasBesidesStays() throws {
    let database = try TestDatabase()
    let reader = try database.role()
    try database.write(20, epoch: 1)
    try database.query(
      """
      ALTER TABLE lists ADD noted timestamptz NOT NULL DEFAULT now(), ADD comment text,
        ADD twice bigint GENERATED ALWAYS AS (epoch * 2) STORED
      """
    )
    try database.query("CREATE VIEW best AS SELECT \"user\", item, twice FROM lists WHERE rank = 1")
    try database.query("CREATE INDEX by_item ON lists (item)")
    try database.query("GRANT SELECT ON lists, best TO \(reader)")
    let before = try database.value("SELECT 'lists'::regclass::oid")
    try database.write(30, epoch: 2)
    #expect(try database.query("SELECT max(twice), count(*) FROM best", user: reader) == [["4", "3"]])
    #expect(try database.query("SELECT count(*), count(noted), count(comment) FROM lists", user: reader) == [["30", "30", "0"]])
    #expect(try database.value("SELECT 'lists'::regclass::oid") == before)
    #expect(try database.value("SELECT count(*) FROM pg_indexes WHERE tablename = 'lists'") == "2")
  }

  @Test func widerTypesAndPartitionsFit() throws {
    let database = try TestDatabase()
    try database.query(
      """
      CREATE TABLE lists (epoch bigint, item varchar(20), score double precision, "user" varchar, rank bigint) PARTITION BY HASH (item);
      CREATE TABLE lists_0 PARTITION OF lists FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE lists_1 PARTITION OF lists FOR VALUES WITH (MODULUS 2, REMAINDER 1)
      """)
    try database.write(40, epoch: 1)
    try database.write(50, epoch: 2)
    #expect(try database.epochs() == [2: 50])
    #expect(try database.query("SELECT \"user\", rank, score FROM lists WHERE item = 'item 11'") == [["u1", "2", "1.375"]])
  }

  @Test func aTableWithOtherColumnsIsRefusedWithAllDifferences() throws {
    let database = try TestDatabase()
    try database.query(
      """
      CREATE TABLE lists (
        "user" text, rank text, score numeric, epoch bigint GENERATED ALWAYS AS IDENTITY, shop int NOT NULL, note text)
      """
    )
    let error = TestDatabase.error { _ = try database.begin() }
    #expect(error?.code == .mismatch)
    for part in [
      #""rank" is text and must be integer"#, #""item" (text) is missing"#, #""score" is numeric and must be real"#,
      #"computes "epoch" itself"#, #""shop" is not written, but must not be null"#, "ALTER TABLE", #""public"."lists""#,
    ] {
      #expect(error?.description.contains(part) == true, "\(part): \(error?.description ?? "")")
    }
    #expect(error?.description.contains("note") == false)
  }

  @Test func whatIsNoTableIsRefused() throws {
    let database = try TestDatabase()
    try database.query("CREATE VIEW lists AS SELECT 1 AS rank")
    let error = TestDatabase.error { _ = try database.begin() }
    #expect(error?.code == .mismatch && error?.description.contains("no table but a view") == true)
  }

  /// Otherwise it would be found only after all rows have been made.
  @Test func aTableToWhichForeignKeysReferIsRefusedAtOnce() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    try database.query(#"CREATE TABLE notes ("user" text, rank int, FOREIGN KEY ("user", rank) REFERENCES lists)"#)
    let error = TestDatabase.error { _ = try database.begin() }
    #expect(error?.code == .mismatch && error?.description.contains("foreign keys of notes") == true)
  }

  @Test func aMissingSchemaIsNamed() throws {
    let database = try TestDatabase()
    let error = TestDatabase.error { _ = try database.begin(PostgresTableName("nowhere.lists")) }
    #expect(error?.code == .invalid && error?.description.contains(#"schema "nowhere" does not exist"#) == true)
    #expect(error?.description.contains("create the schema") == true)
  }

  @Test func rowsOfTheSameKeyLeaveTheOldTable() throws {
    let database = try TestDatabase()
    try database.write(20, epoch: 1)
    let table = try database.begin()
    for _ in 0..<2 { try table.append(TestDatabase.row(7, epoch: 2)) }
    let error = TestDatabase.error { _ = try table.finish() }
    #expect(error?.code == .refused && error?.description.contains("same key") == true && error?.description.contains("23505") == true)
    #expect(error?.description.contains("(u0, 8)") == true)
    #expect(try database.epochs() == [1: 20])
  }

  @Test func aRefusedRowCanBeLeftOut() throws {
    let database = try TestDatabase()
    let table = try database.begin()
    try table.append(TestDatabase.row(0, epoch: 1))
    let error = TestDatabase.error { try table.append([.text("a"), .integer(1), .text("b\0"), .real(0), .integer(1)]) }
    #expect(error?.code == .refused && error?.description.contains(#"row 2, item "b\0""#) == true)
    try table.append(TestDatabase.row(1, epoch: 1))
    #expect(try table.finish().rows == 2)
    #expect(try database.epochs() == [1: 2])
  }

  @Test func aDatabaseOfAnotherEncodingSaysWhatItCannotStore() throws {
    let server = try PrivateServer.shared()
    try server.query("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    let address = try PostgresAddress(server.url("latin"))
    let columns = [PostgresColumn("größe", .text)]
    let table = try PostgresTable.begin(address, table: PostgresTableName("größen"), columns: columns)
    try table.append([.text("ä")])
    #expect(try table.finish().rows == 1)
    let other = try PostgresTable.begin(address, table: PostgresTableName("größen"), columns: columns)
    try other.append([.text("日")])
    let error = TestDatabase.error { _ = try other.finish() }
    #expect(error?.code == .refused && error?.description.contains("another encoding than UTF8") == true, "\(error?.description ?? "")")
  }
}
