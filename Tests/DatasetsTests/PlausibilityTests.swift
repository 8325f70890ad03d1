import Foundation
import Testing

@testable import Datasets

@Suite struct PlausibilityTests {
  private func findings(_ text: String, _ options: ReadingOptions = ReadingOptions()) throws -> [Finding] {
    let file = try TemporaryFile(text, name: "data.csv")
    return try InteractionFile(path: file.path, options: options, rejects: nil, refusesFindings: false).layout.findings
  }

  private func rules(_ text: String, _ severity: Finding.Severity, _ options: ReadingOptions = ReadingOptions()) throws -> [String] {
    try findings(text, options).filter { $0.severity == severity }.map(\.rule)
  }

  /// Users and items as in real data: some have many rows, most have few.
  private func plain(_ count: Int, users: Int = 200, items: Int = 300, _ more: (Int) -> String = { _ in "" }) -> String {
    (0..<count).map { "u\($0 * 7919 % users),i\($0 * 104_729 % items * ($0 % 3 + 1) / 2)\(more($0))\n" }.joined()
  }

  @Test func ordinaryDataGiveNoFinding() throws {
    #expect(try findings(plain(12_000) { ",\($0 % 5 + 1),\(1_700_000_000 + $0 / 2)" }) == [])
    #expect(try findings(plain(50) { ",\($0 % 5 + 1),\(1_700_000_000 + $0)" }) == [])
  }

  @Test func aFindingNamesColumnShareSamplesAndMapping() throws {
    let text = (0..<300).map { "u\($0 % 9),\(1_700_000_000 + $0),\($0 % 4)\n" }.joined()
    let message = try refusal(text)
    #expect(
      message.contains("column 2") && message.contains("100 %") && message.contains("\"1700000000\", \"1700000001\", \"1700000002\""),
      "\(message)")
    #expect(message.contains("Taken: user = column 1, item = column 2, value = column 3"), "\(message)")
  }

  @Test func acceptedColumnsAreReadAndTheFindingsStayAsWarnings() throws {
    var options = ReadingOptions()
    options.acceptsColumns = true
    let read = try read((0..<300).map { "u\($0 % 9),\(1_700_000_000 + $0)\n" }.joined(), options)
    #expect(read.rows.count == 300)
    #expect(read.file.warnings.map(\.rule) == ["times-as-ids"])
  }

  @Test func itemsThatCountTheRowsAreRefused() throws {
    #expect(try rules((0..<40).map { "u\($0 % 9),\(5000 + $0),3\n" }.joined(), .refusal) == ["serial-numbers-as-ids"])
    let uuids = (0..<40).map {
      "u\($0 % 9),\(UUID(uuid: (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1, 1, UInt8($0 * 37 % 256), UInt8($0))).uuidString),3\n"
    }
    #expect(try rules(uuids.joined(), .refusal) == ["serial-numbers-as-ids"])
  }

  @Test func itemsOfWhichHardlyOneOccursTwiceAreRefusedInLargeFilesOnly() throws {
    let large = (0..<12_000).map { "u\($0 * 7919 % 500),i\($0 * 31)x\n" }.joined()
    #expect(try rules(large, .refusal) == ["every-item-once"])
    let small = (0..<300).map { "u\($0 * 7919 % 50),i\($0 * 31)x\n" }.joined()
    #expect(try rules(small, .refusal) == [] && rules(small, .warning) == ["every-item-once"])
    // Unless another column would do.
    let other = (0..<300).map { "u\($0 * 7919 % 50),o\($0 * 31)x,i\($0 % 40)y\n" }.joined()
    #expect(try refusal(other).contains("hardly an item occurs twice"))
  }

  /// A part of a file sorted by user has few users; a part of one with millions of items hardly repeats one.
  @Test func aSpreadSampleIsNotTakenForTheWhole() throws {
    var generator = SystemRandomNumberGenerator()
    let large = (0..<150_000).map { row in
      // A long tail: half of the rows are of 5 % of the items.
      let item = row % 2 == 0 ? Int.random(in: 0..<2500, using: &generator) : Int.random(in: 0..<50_000, using: &generator)
      return "user\(row / 30),item\(item),5,\(1_700_000_000 + row)\n"
    }.joined()
    let file = try TemporaryFile(large, name: "data.csv")
    let reader = try InteractionFile(path: file.path)
    #expect(reader.layout.extent == .spread)
    #expect(reader.layout.profile.map { $0.rows > 8000 && $0.columns[0].distinct > 400 } == true)
    #expect(reader.warnings == [])
  }

  @Test func fewUsersAreRefusedInLargeFiles() throws {
    #expect(try rules(plain(12_000, users: 12), .refusal) == ["few-users"])
    #expect(try rules(plain(12_000, users: 80), .warning) == ["few-users"])
    #expect(try rules(plain(500, users: 12), .warning) == [])
  }

  @Test func valuesThatAreIDsAreRefusedByPositionAndWhereTheyAreUsed() throws {
    let ids = plain(300) { ",\(214_536_500 + $0 % 50)" }
    #expect(try rules(ids, .refusal) == ["ids-as-values"])
    let named = "user,item,value\n" + ids
    #expect(try rules(named, .refusal) == [] && rules(named, .warning) == ["ids-as-values"])
    var options = ReadingOptions()
    options.usesValues = true
    #expect(try rules(named, .refusal, options) == ["ids-as-values"])
    let zeros = "user,item,rating\n" + plain(300) { ",\($0 % 3 == 0 ? 0 : 4)" }
    #expect(try rules(zeros, .refusal, options) == ["sentinels"])
    #expect(try findings(zeros) == [])
  }

  @Test func timesOutOfTheWorldAreToldAndRefusedWhereTheyAreUsed() throws {
    let text = plain(2000) { ",4,\(30_000_000_000 + $0 * 100)" }
    #expect(try rules(text, .refusal) == ["times-out-of-the-world"])
    var options = ReadingOptions()
    options.usesTimes = false
    #expect(try rules(text, .warning, options) == ["times-out-of-the-world"])
    // Numbers of rows are an order and no mistake.
    #expect(try rules(plain(2000) { ",4,\($0)" }, .refusal) == [])
  }

  @Test func idsThatNameNobodyAreRefused() throws {
    let text = (0..<400).map { "\($0 % 3 == 0 ? "null" : "u\($0 % 50)"),i\($0 % 70)\n" }.joined()
    #expect(try rules(text, .refusal) == ["stand-ins"])
  }

  @Test func typesWithoutAWeightAreTold() throws {
    let text = "user,item,event\n" + (0..<400).map { "u\($0 % 50),i\($0 % 70),\($0 % 4 == 0 ? "view" : "purchase")\n" }.joined()
    var options = ReadingOptions()
    #expect(try findings(text, options) == [])
    options.isKnownType = { $0 == "purchase" }
    #expect(try rules(text, .warning, options) == ["types-without-weight"])
    options.isKnownType = { $0 == "view" }
    #expect(try rules(text, .refusal, options) == ["types-without-weight"])
    let shown = "user,item,event\n" + (0..<400).map { "u\($0 % 50),i\($0 % 70),\($0 % 4 == 0 ? "impression" : "click")\n" }.joined()
    #expect(try rules(shown, .warning) == ["shown-items"])
  }

  @Test func rowsOfOtherWidthsAreTold() throws {
    let text = plain(2000) { ",4,1700000\(100 + $0 % 900)\($0 % 50 == 0 ? ",x" : "")" }
    #expect(try rules(text, .warning) == ["shape"])
  }

  @Test func repeatedRowsAreTold() throws {
    let text = plain(600) { ",4,\(1_700_000_000 + $0)" }
    #expect(try rules(text + text, .warning) == ["repeats"])
  }
}
