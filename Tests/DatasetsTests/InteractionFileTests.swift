import CZlib
import Foundation
import Testing

@testable import Datasets

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func row(_ user: String, _ item: String, _ value: Double? = nil, _ time: Int64? = nil) -> InteractionFile.Row {
  .columns(InteractionRow(user: bytes(user), item: bytes(item), value: value, timeMilliseconds: time))
}

/// A file that goes away with the test.
final class TemporaryFile {
  let path: String
  init(_ contents: Data, name: String = "data.tsv") throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-datasets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appendingPathComponent(name).path
    try contents.write(to: URL(fileURLWithPath: path))
  }
  var folder: String { (path as NSString).deletingLastPathComponent }
  convenience init(_ text: String, name: String = "data.tsv") throws { try self.init(Data(text.utf8), name: name) }
  deinit { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }
}

private func readAll(_ file: TemporaryFile, format: InteractionFile.Format? = nil) throws -> (
  rows: [InteractionFile.Row], report: InteractionFile.Report
) {
  let reader = try InteractionFile(path: file.path, format: format)
  var rows: [InteractionFile.Row] = []
  try reader.readRows { rows.append($0) }
  return (rows, reader.report)
}

private func readAll(_ text: String, name: String = "data.tsv") throws -> (rows: [InteractionFile.Row], report: InteractionFile.Report) {
  try readAll(TemporaryFile(text, name: name))
}

/// One gzip member.
func gzip(_ data: Data) -> Data {
  var stream = z_stream()
  precondition(
    deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
  defer { deflateEnd(&stream) }
  var input = [UInt8](data)
  var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(input.count))) + 64)
  let size = output.count
  let written = input.withUnsafeMutableBufferPointer { source in
    output.withUnsafeMutableBufferPointer { target in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = target.baseAddress
      stream.avail_out = UInt32(size)
      precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END)
      return size - Int(stream.avail_out)
    }
  }
  return Data(output[..<written])
}

@Suite struct InteractionFileTests {
  // MARK: Columns

  @Test func columnsAreUserItemValueTime() throws {
    let read = try readAll("u1\ti1\t5\t1700000000\nu2\ti2\t-2.5e1\t1700000000123\n")
    #expect(read.rows == [row("u1", "i1", 5, 1_700_000_000_000), row("u2", "i2", -25, 1_700_000_000_123)])
    #expect(read.report == InteractionFile.Report(rows: 2))
  }

  @Test func valueAndTimeMayBeAbsentOrEmpty() throws {
    #expect(try readAll("u\ti\nv\tj\n").rows == [row("u", "i"), row("v", "j")])
    #expect(try readAll("u\ti\t3\nv\tj\t4").rows == [row("u", "i", 3), row("v", "j", 4)])
    #expect(try readAll("u\ti\t\t1700000000\nv\tj\t2\t\n").rows == [row("u", "i", nil, 1_700_000_000_000), row("v", "j", 2)])
  }

  @Test func aThirdColumnThatLooksLikeATimeIsOne() throws {
    #expect(try readAll("u\ti\t1700000000\nv\tj\t1700000001\n").rows.first == row("u", "i", nil, 1_700_000_000_000))
    #expect(try readAll("u\ti\t80995\n").rows.first == row("u", "i", 80_995))
  }

  @Test func furtherColumnsAreIgnored() throws {
    #expect(try readAll("u\ti\t1\t1700000000\tx\ty\n").rows == [row("u", "i", 1, 1_700_000_000_000)])
  }

  @Test(arguments: [
    ("1700000000", 1_700_000_000_000), ("1700000000123", 1_700_000_000_123), ("1700000000123456", 1_700_000_000_123),
    ("1700000000123456789", 1_700_000_000_123), ("1.7e9", 1_700_000_000_000), ("1700000000.0", 1_700_000_000_000), ("-5", -5000),
  ])
  func theUnitOfATimeShowsInItsSize(text: String, milliseconds: Int64) throws {
    #expect(try readAll("u\ti\t1\t\(text)\n").rows == [row("u", "i", 1, milliseconds)])
  }

  @Test func aHeaderOfKnownNamesOrdersTheColumns() throws {
    let read = try readAll("timestamp,Movie ID,userId,rating\n1700000000,i,u,4\n", name: "data.csv")
    #expect(read.rows == [row("u", "i", 4, 1_700_000_000_000)])
    #expect(read.report.header == ["timestamp", "Movie ID", "userId", "rating"])
  }

  @Test func aHeaderOfOtherWordsIsSteppedOver() throws {
    #expect(try readAll("who\twhat\thow\twhen\nu\ti\t4\t1700000000\n").rows == [row("u", "i", 4, 1_700_000_000_000)])
    #expect(try readAll("user\titem\nu\ti\n").rows == [row("u", "i")])
  }

  @Test func aFirstRowOfDataIsNoHeader() throws {
    #expect(try readAll("abc\tdef\nu\ti\n").rows.count == 2)
    #expect(try readAll("abc\tdef\t3\n").rows.count == 1)
  }

  @Test func linesMayEndWithCRLFOrNotAtAll() throws {
    #expect(try readAll("\u{FEFF}u\ti\r\n\r\n\nv\tj").rows == [row("u", "i"), row("v", "j")])
    #expect(try readAll("").rows.isEmpty)
  }

  @Test func csvFieldsMayBeQuoted() throws {
    let read = try readAll("\"a,b\",\"say \"\"hi\"\"\",5\n\"x\",y,\"6\"\nu,\"open\np,q,1\n", name: "data.csv")
    #expect(read.rows == [row("a,b", "say \"hi\"", 5), row("x", "y", 6), row("p", "q", 1)])
    #expect(read.report.firstBadLines == [BadLine(line: 3, reason: "a quoted field is not closed")])
  }

  @Test func quotesInTSVAreOrdinaryCharacters() throws {
    #expect(try readAll("\"u\t\"i\"\n").rows == [row("\"u", "\"i\"")])
  }

  // MARK: Formats

  @Test func jsonLinesAreHandedOnAsTheyAre() throws {
    let read = try readAll("{\"user_id\":1}\n\n  {\"broken\nnope\n{}\r\n{}\n", name: "data.jsonl.gz")
    #expect(read.rows == [.event(bytes("{\"user_id\":1}")), .event(bytes("  {\"broken")), .event(bytes("{}")), .event(bytes("{}"))])
    #expect(read.report.badLines == 1)
  }

  @Test(arguments: [("u\ti\n", InteractionFile.Format.tsv), ("u,i\n", .csv), ("\n{\"user_id\":1}\n", .jsonl), ("a,b\tc\n", .tsv)])
  func withoutAnExtensionTheFirstLineTellsTheFormat(text: String, format: InteractionFile.Format) throws {
    let file = try TemporaryFile(text, name: "data")
    #expect(try InteractionFile(path: file.path).format == format)
    #expect(try readAll(file).rows.count == 1)
  }

  @Test func aGivenFormatGoesBeforeTheExtension() throws {
    #expect(try readAll(TemporaryFile("u,i\n", name: "data.tsv"), format: .csv).rows == [row("u", "i")])
  }

  // MARK: Bad lines

  @Test func badLinesAreCountedAndNamed() throws {
    let good = String(repeating: "u\ti\t1\t1700000000\n", count: 20)
    var file = Data((good + "only\nu\ti\tmany\t1\nu\ti\t1\tnoon\n\ti\nu\t\nu\t\(String(repeating: "x", count: 257))\nu\ti\t1e999\n").utf8)
    file += [0xFF, 0x09, 0x69, 0x0A, 0x61, 0x00, 0x09, 0x69, 0x0A]
    let read = try readAll(TemporaryFile(file))
    #expect(read.report.rows == 20)
    #expect(read.report.badLines == 9)
    #expect(read.report.kinds.mapValues(\.count) == ["few_columns": 1, "bad_value": 2, "bad_time": 1, "bad_user": 3, "bad_item": 2])
    let reasons = [
      "one column only", "the value is no finite number", "the time \"noon\" is not a time", "the user is empty", "the item is empty",
    ]
    #expect(read.report.firstBadLines.map(\.line) == Array(21...25))
    #expect(zip(read.report.firstBadLines, reasons).allSatisfy { $0.reason.hasPrefix($1) }, "\(read.report.firstBadLines)")
  }

  @Test func aFileOfMostlyBadLinesIsRefusedWithTheExpectedForm() throws {
    let file = try TemporaryFile(String(repeating: "a sentence without any column\n", count: 30))
    let error = #expect(throws: DatasetError.self) { try InteractionFile(path: file.path) }
    let text = try #require(error).description
    #expect(
      text.contains("30 of the first 30 lines") && text.contains("line 1: one column only") && text.contains("--delimiter"), "\(text)")
  }

  @Test func badLinesAfterTheFirstThousandAreCountedUnlessTheyAreMany() throws {
    let good = String(repeating: "u\ti\n", count: 1000)
    let read = try readAll(good + String(repeating: "x\n", count: 100))
    #expect(read.report.rows == 1000)
    #expect(read.report.badLines == 100)
    let file = try TemporaryFile(good + String(repeating: "x\n", count: 5000))
    let error = #expect(throws: DatasetError.self) { try InteractionFile(path: file.path) }
    #expect(try #require(error).description.contains("another number of columns"))
    var options = ReadingOptions()
    options.acceptsColumns = true
    let accepted = try InteractionFile(path: file.path, options: options)
    try accepted.readRows { _ in }
    #expect(accepted.report.rows == 1000 && accepted.report.badLines == 5000)
  }

  @Test func aVeryLongLineIsABadLine() throws {
    let read = try readAll("u\ti\n" + String(repeating: "x", count: 3 << 20) + "\nv\tj\n")
    #expect(read.rows == [row("u", "i"), row("v", "j")])
    #expect(read.report.firstBadLines.map(\.line) == [2])
  }

  // MARK: Files

  private func manyRows(_ count: Int) -> String {
    (0..<count).map { "user\($0 % 3000)\titem\($0 % 97)\t\($0 % 5)\t\(1_700_000_000 + $0)\n" }.joined()
  }

  @Test func gzipIsRecognisedByItsFirstBytes() throws {
    let text = manyRows(20_000)
    let file = try TemporaryFile(gzip(Data(text.utf8)))
    let reader = try InteractionFile(path: file.path)
    #expect(reader.isCompressed)
    var rows: [InteractionFile.Row] = []
    try reader.readRows { rows.append($0) }
    #expect(rows == (try readAll(text).rows))
    #expect(reader.bytesRead == reader.sizeBytes)
  }

  @Test func gzipMembersInARowAreOneFile() throws {
    let file = try TemporaryFile(gzip(Data("u\ti\nv".utf8)) + gzip(Data()) + gzip(Data("\tj\n".utf8)) + Data(count: 512))
    #expect(try readAll(file).rows == [row("u", "i"), row("v", "j")])
  }

  @Test(arguments: [1, 9, 30, 1000, 40_000])
  func gzipCutShortIsAnError(missing: Int) throws {
    let whole = gzip(Data((0..<20_000).map { "user\($0 &* 40_503 % 3001)\t\($0 &* 2_654_435_761 % 4999)\n" }.joined().utf8))
    let file = try TemporaryFile(whole.dropLast(missing))
    let error = #expect(throws: DatasetError.self) { try readAll(file) }
    #expect(try #require(error).description.contains("ends early"))
    // What comes before the damage is read.
    if missing <= 1000 {
      let reader = try InteractionFile(path: file.path)
      while (try? reader.next()) != nil {}
      #expect(reader.report.rows > 15_000, "\(reader.report.rows)")
    }
  }

  @Test func damagedGzipIsAnError() throws {
    var data = gzip(Data(manyRows(5000).utf8))
    for index in 3000..<3100 { data[index] = 0xAA }
    let file = try TemporaryFile(data)
    #expect(throws: DatasetError.self) { try readAll(file) }
    let trailing = try TemporaryFile(gzip(Data("u\ti\n".utf8)) + Data("rest".utf8))
    #expect(throws: DatasetError(.corruptGzip("something else follows the gzip data"), path: trailing.path)) { try readAll(trailing) }
  }

  @Test func aMissingFileAndADirectorySaySo() throws {
    #expect(throws: DatasetError(.missing, path: "/nonexistent/x.tsv")) { try InteractionFile(path: "/nonexistent/x.tsv") }
    let folder = FileManager.default.temporaryDirectory.path + "/folder-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: DatasetError(.isDirectory, path: folder)) { try InteractionFile(path: folder) }
  }

  @Test func everyCutOfTheInputGivesTheSameRows() throws {
    // Lines of all lengths cross the chunks' borders.
    let text = (0..<4000).map { "\(String(repeating: "u", count: $0 % 250 + 1))\ti\($0)\t1\n" }.joined()
    let read = try readAll(text)
    #expect(read.rows.count == 4000)
    #expect(read.rows.indices.allSatisfy { read.rows[$0] == row(String(repeating: "u", count: $0 % 250 + 1), "i\($0)", 1) })
  }

  // MARK: The shipped data

  @Test func theShippedFileIsReadWholeAndFast() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appendingPathComponent("Sources/freshet/Resources/online-retail")
    let start = ContinuousClock.now
    let reader = try InteractionFile(path: folder.appendingPathComponent("events.tsv.gz").path)
    var rows = 0
    var timed = 0
    try reader.readRows {
      rows += 1
      if case .columns(let row) = $0, row.timeMilliseconds != nil { timed += 1 }
    }
    print("reading \(rows) rows from gzip: \(ContinuousClock.now - start)")
    #expect(rows == 397_924 && timed == rows && reader.report.badLines == 0)
    let titles = try ItemTitles(path: folder.appendingPathComponent("items.tsv.gz").path)
    #expect(titles["10002"] == "INFLATABLE POLITICAL GLOBE")
    #expect(titles.badLines == 0)
  }

  @Test func titlesComeWithCategories() throws {
    let file = try TemporaryFile("item\ttitle\n1\tToy Story (1995)\tAnimation|Comedy\n2\tJumanji\nbad\n")
    let titles = try ItemTitles(path: file.path)
    #expect(titles.entries[bytes("1")] == ItemTitles.Entry(title: "Toy Story (1995)", categories: ["Animation", "Comedy"]))
    #expect(titles["2"] == "Jumanji")
    #expect(titles.count == 2)
    #expect(titles.firstBadLines == [BadLine(line: 4, reason: "expected item<TAB>title")])
  }
}

@Suite struct SharedDataTests {
  /// `FRESHET_DATA`, else beside the package.
  static let folder =
    ProcessInfo.processInfo.environment["FRESHET_DATA"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("shared/data").path

  /// The files that train and evaluate are measured with: every row is read, and no column is suspected.
  @Test(
    .disabled(
      if: !FileManager.default.fileExists(atPath: folder + "/ml-latest-small.tsv.gz"), "there are no shared data: set FRESHET_DATA"),
    arguments: [("ml-latest-small", 100_836), ("ml-1m-5star", 226_310)])
  func ratingsAreReadAsTheyAlwaysWere(name: String, expected: Int) throws {
    let reader = try InteractionFile(path: Self.folder + "/\(name).tsv.gz")
    #expect(reader.warnings == [])
    var rows = 0
    try reader.readRows {
      guard case .columns(let row) = $0, row.value != nil, row.timeMilliseconds ?? 0 > 800_000_000_000 else { return }
      rows += 1
    }
    #expect(rows == expected && reader.report.badLines == 0 && reader.report.rows == expected)
  }

  @Test(
    .disabled(
      if: !FileManager.default.fileExists(atPath: folder + "/ml-1m-pos4.tsv.gz"),
      "ml-1m-pos4.tsv.gz is not there (its licence forbids shipping it): set FRESHET_DATA to its folder"))
  func movieLensIsReadWhole() throws {
    let start = ContinuousClock.now
    let reader = try InteractionFile(path: Self.folder + "/ml-1m-pos4.tsv.gz")
    var users: Set<[UInt8]> = []
    var rows = 0
    try reader.readRows {
      guard case .columns(let row) = $0 else { return }
      rows += 1
      if users.count < 100_000 { users.insert(row.user) }
    }
    print("reading \(rows) rows of ml-1m-pos4: \(ContinuousClock.now - start)")
    #expect(rows == 575_281 && users.count == 6038 && reader.report.badLines == 0)
    let titles = try ItemTitles(path: Self.folder + "/ml-1m-items.tsv.gz")
    #expect(titles.entries[Array("1".utf8)]?.categories == ["Animation", "Children's", "Comedy"])
  }
}
