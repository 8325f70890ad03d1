import Foundation
import Testing

/// How long a table of a usual size takes, and how much memory.
@Suite(.disabled(if: PrivateServer.isMissing, "SKIPPED: Postgres is not installed; FRESHET_REQUIRE_POSTGRES=1 makes this a failure"))
struct LargeTableTests {
  static let rows = 1_000_000

  /// In a process of its own, so that the memory is not that of other tests.
  @Test func aMillionRowsTakeNoMoreMemoryThanAThousand() throws {
    let database = try TestDatabase()
    for table in ["new", "replaced"] {
      let file = "/tmp/freshet-pg-report-\(UUID().uuidString)"
      defer { unlink(file) }
      let helper = try HelperProcess("many", ["HELPER_URL": database.url(), "HELPER_REPORT": file])
      defer { helper.kill() }
      #expect(helper.waitUntilItEnds() == 0)
      let report = try String(contentsOfFile: file, encoding: .utf8)
      print("aMillionRowsTakeNoMoreMemoryThanAThousand: \(table) table: \(report)")
      // All rows are more than 50 MB.
      #expect((Int(report.prefix { $0 != " " }) ?? .max) < 8 << 20)
    }
    #expect(try database.epochs() == [7: Self.rows])
  }
}
