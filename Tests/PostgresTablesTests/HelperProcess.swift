import Foundation
import PostgresTables
import Testing

/// These tests in a second process, where one of the tests below acts as a program of its own: it has another environment,
/// its own memory, and can be killed.
final class HelperProcess {
  private let process = Process()

  init(_ role: String, _ environment: [String: String]) throws {
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["--testing-library", "swift-testing", "--filter", "PostgresTablesTests.HelperTests"]
    let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") && !$0.key.hasPrefix("FRESHET_") }
    process.environment = inherited.merging(environment) { $1 }.merging(["HELPER_ROLE": role]) { $1 }
    (process.standardInput, process.standardOutput) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
  }

  func waitUntilItEnds() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// At once, as the kernel does when memory is short.
  func kill() {
    guard process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

@Suite(.enabled(if: ProcessInfo.processInfo.environment["HELPER_ROLE"] != nil, "only in a process that another test starts"))
struct HelperTests {
  private static let environment = ProcessInfo.processInfo.environment

  private static func begin() throws -> PostgresTable {
    try .begin(
      PostgresAddress(environment["HELPER_URL"]), table: PostgresTableName(environment["HELPER_TABLE"] ?? "lists"),
      columns: TestDatabase.columns, primaryKey: ["user", "rank"])
  }

  @Test(.enabled(if: environment["HELPER_ROLE"] == "few")) func fewRows() throws {
    let table = try Self.begin()
    for number in 0..<3 { try table.append(TestDatabase.row(number, epoch: 7)) }
    _ = try table.finish()
  }

  @Test(.enabled(if: environment["HELPER_ROLE"] == "endless")) func rowsWithoutEnd() throws {
    let table = try Self.begin()
    for number in 0... { try table.append(TestDatabase.row(number, epoch: 7)) }
  }

  @Test(.enabled(if: environment["HELPER_ROLE"] == "many")) func manyRows() throws {
    let start = ContinuousClock.now
    let table = try Self.begin()
    var base = 0
    for number in 0..<LargeTableTests.rows {
      if number == 1_000 { base = try Self.residentBytes() }
      try table.append(TestDatabase.row(number, epoch: 7))
    }
    let growth = try Self.residentBytes() - base
    let sent = ContinuousClock.now
    let summary = try table.finish()
    let report = "\(growth) bytes more memory; \(summary.bytes) bytes sent in \(sent - start); swapped in \(ContinuousClock.now - sent)"
    try Data(report.utf8).write(to: URL(filePath: Self.environment["HELPER_REPORT"] ?? "/dev/null"))
  }

  private static func residentBytes() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
    return (Int(pages) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
