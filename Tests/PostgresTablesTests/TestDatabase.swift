import Foundation
import PostgresTables
import Synchronization
import Testing

@testable import class PostgresTables.PostgresConnection

/// A connection beside the one that writes.
///
/// `@unchecked Sendable` because a test that hands it to a thread leaves it to that thread.
final class TestConnection: @unchecked Sendable {
  private let connection: PostgresConnection

  init(_ address: PostgresAddress) throws { connection = try PostgresConnection(address, connectTimeout: .seconds(10)) }

  @discardableResult
  func query(_ statement: String, _ parameters: [String] = []) throws -> [[String?]] {
    try connection.run(statement, parameters, within: .seconds(60))
  }
}

/// A new database for one test.
final class TestDatabase: Sendable {
  let server: PrivateServer
  let name: String
  private static let number = Mutex(0)

  init() throws {
    server = try PrivateServer.shared()
    name = "test_\(Self.number.withLock { $0 += 1; return $0 })"
    try server.query("CREATE DATABASE \(name)")
  }

  func url(user: String = "postgres") -> String { server.url(name, user: user) }
  func address(user: String = "postgres") throws -> PostgresAddress { try PostgresAddress(url(user: user)) }

  func connection(user: String = "postgres") throws -> TestConnection { try TestConnection(address(user: user)) }

  @discardableResult
  func query(_ statement: String, user: String = "postgres") throws -> [[String?]] {
    try connection(user: user).query(statement)
  }

  /// One value.
  func value(_ statement: String) throws -> String? { try query(statement).first?.first ?? nil }

  /// A new role of this test alone.
  func role() throws -> String {
    try query("CREATE ROLE \(name)_user LOGIN")
    return "\(name)_user"
  }

  // MARK: The table of most tests

  static let columns = [
    PostgresColumn("user", .text), PostgresColumn("rank", .integer), PostgresColumn("item", .text), PostgresColumn("score", .real),
    PostgresColumn("epoch", .bigint),
  ]
  static let lists = try! PostgresTableName("lists")

  func begin(
    _ table: PostgresTableName = lists, _ columns: [PostgresColumn] = columns, user: String = "postgres",
    options: PostgresOptions = PostgresOptions()
  ) throws -> PostgresTable {
    try .begin(address(user: user), table: table, columns: columns, primaryKey: columns == Self.columns ? ["user", "rank"] : [], options)
  }

  static func row(_ number: Int, epoch: Int) -> [PostgresValue] {
    [.text("u\(number / 10)"), .integer(number % 10 + 1), .text("item \(number)"), .real(Float(number) / 8), .integer(epoch)]
  }

  /// Writes as many rows of one epoch.
  @discardableResult
  func write(_ rows: Int, epoch: Int, user: String = "postgres", options: PostgresOptions = PostgresOptions()) throws -> PostgresSummary {
    let table = try begin(user: user, options: options)
    for number in 0..<rows { try table.append(Self.row(number, epoch: epoch)) }
    return try table.finish()
  }

  /// How many rows of which epoch are there.
  func epochs() throws -> [Int: Int] {
    let rows = try query("SELECT epoch, count(*) FROM lists GROUP BY epoch")
    return Dictionary(uniqueKeysWithValues: rows.map { (Int($0[0] ?? "") ?? -1, Int($0[1] ?? "") ?? -1) })
  }

  /// Other connections of this database, by a program that writes tables or by any.
  func processes(of program: String = "freshet", where condition: String = "true") throws -> [Int32] {
    try query(
      """
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = '\(program)'
        AND pid <> pg_backend_pid() AND \(condition)
      """
    ).compactMap { Int32($0[0] ?? "") }
  }

  /// Waits for something of which no event tells.
  static func eventually(_ condition: () throws -> Bool, within limit: Duration = .seconds(20)) throws -> Bool {
    let end = ContinuousClock.now + limit
    while try !condition() {
      guard ContinuousClock.now < end else { return false }
      usleep(10_000)
    }
    return true
  }

  static func error(_ body: () throws -> Void) -> PostgresError? {
    do {
      try body()
      return nil
    } catch { return error as? PostgresError }
  }
}
