import Testing

@testable import PostgresTables

/// What is decided without a server.
@Suite struct ValueTests {
  private static let columns = [PostgresColumn("user", .text), PostgresColumn("rank", .integer), PostgresColumn("time", .timestamptz)]

  private static func error(_ body: () throws -> Void) -> PostgresError? { TestDatabase.error(body) }

  @Test(arguments: [
    ("lists", #""lists""#), ("Shop.Lists", #""shop"."lists""#), (#""Shop"."a.b""#, #""Shop"."a.b""#),
    (#""say ""hi""; DROP TABLE x""#, #""say ""hi""; DROP TABLE x""#), ("größe_1$", #""größe_1$""#), ("order", #""order""#),
  ]) func namesAreReadAsInSQL(text: String, quoted: String) throws {
    #expect(try PostgresTableName(text).description == quoted)
  }

  @Test(arguments: [
    "", ".", "a.", ".a", "a b", "a-b", "1a", "$a", "a;b", #""a"#, #"a"b""#, #""""#, #"a."b"c"#, "a.b.c", "\"a\0b\"", "a\n",
    String(repeating: "x", count: 64),
  ]) func whatNamesNoTableIsRefused(text: String) {
    let error = Self.error { _ = try PostgresTableName(text) }
    #expect(error?.code == .invalid)
  }

  /// Postgres would cut it, and two long names could be one table.
  @Test func aNameHasAtMost63Bytes() throws {
    #expect(try PostgresTableName(String(repeating: "x", count: 63)).table.count == 63)
    #expect(Self.error { _ = try PostgresTableName(String(repeating: "ä", count: 32)) }?.description.contains("63 bytes") == true)
  }

  @Test(arguments: [
    "postgresql://shop:canary@db/shop", "postgres://shop:canary@db", "postgresql://db/shop?password=canary",
    "postgresql://db/shop?sslmode=require&sslpassword=canary", "postgresql://shop:%63anary@db/shop",
  ]) func aPasswordInTheAddressIsRefusedAndNotRepeated(url: String) {
    let error = Self.error { _ = try PostgresAddress(url) }
    #expect(error?.code == .invalid)
    #expect(error?.description.contains("canary") == false && error?.description.contains("password") == true)
    if !url.contains("sslpassword") { #expect(error?.description.contains("PGPASSWORD") == true) }
  }

  @Test(arguments: [
    "db:canary", "host=db password=canary", "mysql://a:canary@db", "postgresql://a:canary@[::1/db", "postgresql://a:canary%zz@db",
    "postgresql://a:canary@db/x?nothing=canary", "postgresql://a:canary@db:1x/canary?=canary",
  ]) func anAddressThatCannotBeReadIsNotRepeated(url: String) {
    let error = Self.error { _ = try PostgresAddress(url) }
    #expect(error?.code == .invalid)
    #expect(error?.description.contains("canary") == false)
  }

  @Test func theAddressIsReadByLibpq() throws {
    let address = try PostgresAddress("postgresql://ex%20porter@db.example.net:5433/shop?sslmode=verify-full")
    let expected = [("user", "ex porter"), ("host", "db.example.net"), ("port", "5433"), ("dbname", "shop"), ("sslmode", "verify-full")]
    for (name, value) in expected { #expect(address.settings.contains(PostgresAddress.Setting(name: name, value: value))) }
    #expect(address.settings.count == expected.count)
  }

  @Test func aRefusedRowLeavesNothing() throws {
    var (rows, same) = (BinaryRows(Self.columns), BinaryRows(Self.columns))
    try rows.append([.text("a"), .integer(1), .time(0)])
    let refused = Self.error { try rows.append([.text("b\0c"), .integer(2), .time(0)]) }
    #expect(refused?.code == .refused)
    #expect(refused?.description.hasPrefix(#"row 2, user "b\0c": "#) == true)
    try rows.append([.text("d"), .integer(3), .time(0)])
    try same.append([.text("a"), .integer(1), .time(0)])
    try same.append([.text("d"), .integer(3), .time(0)])
    #expect(rows.bytes == same.bytes && rows.count == 2)
  }

  @Test func aMissingValueHasALengthOfMinusOneAndNoBytes() throws {
    var rows = BinaryRows([PostgresColumn("rank", .integer, isNullable: true)])
    let before = rows.bytes
    try rows.append([.null])
    #expect(Array(rows.bytes.dropFirst(before.count)) == [0, 1, 0xFF, 0xFF, 0xFF, 0xFF])
    try rows.append([.integer(7)])
    #expect(Array(rows.bytes.dropFirst(before.count + 6)) == [0, 1, 0, 0, 0, 4, 0, 0, 0, 7])
  }

  @Test func onlyTheBeginningOfALongTextIsQuoted() {
    var rows = BinaryRows(Self.columns)
    let text = String(repeating: "x", count: 500) + "\0"
    let description = Self.error { try rows.append([.text(text), .integer(1), .time(0)]) }?.description
    #expect((description?.count ?? 500) < 200 && description?.contains("character 0") == true)
  }

  @Test func whatDoesNotFitIsRefused() {
    var rows = BinaryRows(Self.columns)
    let before = rows.bytes
    for row: [PostgresValue] in [
      [.text([0x61, 0xFF]), .integer(1), .time(0)], [.text("a"), .integer(1 << 31), .time(0)],
      [.text("a"), .integer(1), .time(.max)], [.text("a"), .integer(1), .time(.min)],
      [.text("a"), .integer(1), .time(9_224_318_016_000_000)],
    ] {
      #expect(Self.error { try rows.append(row) }?.code == .refused)
    }
    #expect(rows.bytes == before && rows.count == 0)
  }

  @Test(
    arguments: [
      ("25006", .invalid, "name the primary"), ("53100", .unavailable, ""), ("57P01", .unavailable, ""), ("40P01", .unavailable, ""),
      ("28000", .denied, ""), ("42501", .denied, "grant the right"), ("22003", .refused, ""), ("", .unavailable, ""),
    ] as [(String, PostgresError.Code, String)]) func whatTheServerAnswersSaysWhetherToTryAgain(
      state: String, code: PostgresError.Code, fix: String
    )
  {
    let error = PostgresFault(state: state, message: "words of the server").error("COPY")
    #expect(
      error.code == code && (fix.isEmpty || error.description.contains(fix)) && error.description.hasPrefix("COPY: words of the server"))
    #expect(state.isEmpty || error.description.contains("(\(state))"))
  }
}
