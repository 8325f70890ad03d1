import Evaluation
import Testing

@Suite struct RowSplitTests {
  private static func testRows(_ split: RowSplit) -> [Int] { split.isTest.indices.filter { split.isTest[$0] } }

  @Test func rowsOfTheTimeOfTheCutAreAllForTheTest() throws {
    let split = try RowSplit(times: [50, 10, 40, 40, 20, 40, 30, 10, 20, 30], testShare: 0.2)
    #expect(split.cutMilliseconds == 40 && Self.testRows(split) == [0, 2, 3, 5])
  }

  @Test(arguments: [0.05, 0.2, 0.5, 0.85]) func nothingToTrainOnIsAsNewAsTheTest(share: Double) throws {
    let times = (0..<500).map { Int64($0 * 7919 % 97) }
    let split = try RowSplit(times: times, testShare: share)
    let newest = try #require(zip(times, split.isTest).filter { !$0.1 }.map(\.0).max())
    let oldest = try #require(zip(times, split.isTest).filter(\.1).map(\.0).min())
    #expect(newest < oldest && oldest == split.cutMilliseconds)
    #expect(Double(split.testRows) >= 500 * share - 1)
  }

  @Test func theNewestRowsOfEachUserAreForTheTest() throws {
    // User 0 has rows 0, 2, 4, 6; user 1 rows 1, 3, 5, all of one time; user 2 one row.
    let split = try RowSplit(users: [0, 1, 0, 1, 0, 1, 0, 2], times: [4, 9, 3, 9, 2, 9, 4, 1], testShare: 0.25)
    #expect(Self.testRows(split) == [0, 6] && split.cutMilliseconds == nil)
  }

  @Test func chanceTakesTheShareAndDependsOnTheSeedAlone() throws {
    let split = try RowSplit(rows: 1000, seed: 7, testShare: 0.3)
    #expect(split.testRows == 300 && split.cutMilliseconds == nil)
    #expect(try RowSplit(rows: 1000, seed: 7, testShare: 0.3) == split)
    #expect(try RowSplit(rows: 1000, seed: 8, testShare: 0.3) != split)
  }

  @Test func aSplitWithAnEmptyPartIsRefused() {
    #expect(throws: HoldoutError.self) { try RowSplit(times: [5, 5, 5], testShare: 0.5) }
    #expect(throws: HoldoutError.self) { try RowSplit(times: [], testShare: 0.5) }
    #expect(throws: HoldoutError.self) { try RowSplit(users: [0, 1], times: [1, 2], testShare: 0.5) }
    #expect(throws: HoldoutError.self) { try RowSplit(rows: 2, seed: 1, testShare: 0.01) }
  }
}
