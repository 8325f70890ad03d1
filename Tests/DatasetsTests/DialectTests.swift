import Foundation
import Testing

@testable import Datasets

/// Opens text as a file and reads it whole.
func read(
  _ text: String, name: String = "data.csv", _ options: ReadingOptions = ReadingOptions()
) throws -> (rows: [InteractionFile.Row], file: InteractionFile) {
  try read(Data(text.utf8), name: name, options)
}

func read(
  _ data: Data, name: String = "data.csv", _ options: ReadingOptions = ReadingOptions()
) throws -> (rows: [InteractionFile.Row], file: InteractionFile) {
  let temporary = try TemporaryFile(data, name: name)
  let file = try InteractionFile(path: temporary.path, options: options)
  var rows: [InteractionFile.Row] = []
  try file.readRows { rows.append($0) }
  return (rows, file)
}

@Suite struct DialectTests {
  @Test(arguments: [",", ";", "\t", "::", "|"], ["data", "data.csv", "data.tsv"])
  func theDelimiterIsRecognisedWhateverTheFileIsCalled(delimiter: String, name: String) throws {
    let lines = (0..<30).map { ["u\($0 % 7)", "i\($0)", "\($0 % 5 + 1)", "\(1_700_000_000 + $0)"].joined(separator: delimiter) }
    let rows = try read(lines.joined(separator: "\n") + "\n", name: name).rows
    #expect(rows.count == 30)
    #expect(rows.first == row("u0", "i0", 1, 1_700_000_000_000))
  }

  @Test func aNamedDelimiterIsTakenAtItsWord() throws {
    var options = ReadingOptions()
    options.delimiter = Delimiter("#")
    #expect(try read("u,1#i,1#3\nv#j#4\n", options).rows == [row("u,1", "i,1", 3), row("v", "j", 4)])
    #expect(Delimiter("semicolon") == .semicolon && Delimiter("\\t") == .tab && Delimiter("::") == .doubleColon)
    #expect(Delimiter("") == nil && Delimiter("\"") == nil && Delimiter("abc") == nil && Delimiter("12345") == nil)
  }

  @Test func semicolonsComeWithDecimalCommas() throws {
    let read = try read("user;item;rating\nu;i;3,5\nv;j;1,25\nw;k;4\n")
    #expect(read.rows == [row("u", "i", 3.5), row("v", "j", 1.25), row("w", "k", 4)])
    #expect(read.file.summary(valuesAreUsed: true).contains("the comma in values is a decimal point"))
    #expect(try DatasetsTests.read("u;i;3,5\nv;j;1,2\n").rows == [row("u", "i", 3.5), row("v", "j", 1.2)])
  }

  @Test func aListInACellIsNoDelimiter() throws {
    let text = "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\nu,i,1700000000,a|b|c|d|e\nv,j,1700000001,a|b|c|d|e\n"
    #expect(try read(text).rows == [row("u", "i", nil, 1_700_000_000_000), row("v", "j", nil, 1_700_000_001_000)])
  }

  // MARK: Quotes

  @Test func aQuotedFieldMayContainDelimitersQuotesAndLineEnds() throws {
    let text = "user,item,title,rating\nu1,\"i,1\",\"a \"\"b\"\"\r\nsecond line\",5\r\nu2, \"i2\" ,plain,4\n"
    let read = try read(text)
    #expect(read.rows == [row("u1", "i,1", 5), row("u2", "i2", 4)])
    #expect(read.file.report.badLines == 0)
  }

  @Test func aQuoteThatIsNeverClosedCostsItsLineOnly() throws {
    let good = (0..<200).map { "u\($0),\"i\($0)\",3\n" }.joined()
    let read = try read("u,\"open,1\n" + good)
    #expect(read.file.report.badLines == 1)
    #expect(read.rows.count == 200)
    let stray = try DatasetsTests.read(good + "u,\"a\"b,1\nlast,i,2\n")
    #expect(stray.file.report.firstBadLines.map(\.line) == [201])
    #expect(stray.rows.last == row("last", "i", 2))
  }

  @Test func aRecordOfSeveralLinesIsNamedByItsFirst() throws {
    let good = "u,i,1\n"
    let read = try read("user,item,rating,note\n" + good + "u,i,many,\"a\nb\nc\"\n" + good + "x\n" + good)
    #expect(read.file.report.firstBadLines.map(\.line) == [3, 7])
  }

  @Test func recordsOfSeveralLinesCrossTheBordersOfChunks() throws {
    let records = (0..<3000).map { "u\($0 % 50),i\($0),\"\(String(repeating: "text \"\"\n", count: $0 % 40))\",\($0 % 5)\n" }
    let read = try read("user,item,note,rating\n" + records.joined())
    #expect(read.file.report.badLines == 0, "\(read.file.report)")
    #expect(read.rows.count == 3000)
    #expect(read.rows.last == row("u49", "i2999", 4))
  }

  @Test func quotesInTabbedTextAreUnderstoodWhereAllFieldsShowThem() throws {
    #expect(try read("\"u\"\t\"i\"\t3\n\"v\"\t\"j\"\t4\n", name: "a.tsv").rows == [row("u", "i", 3), row("v", "j", 4)])
    let names = "u\t\"Weird Al\" Y\t3\nv\t\"Heroes\t4\n"
    #expect(try read(names, name: "a.tsv").rows == [row("u", "\"Weird Al\" Y", 3), row("v", "\"Heroes", 4)])
  }

  // MARK: Encodings

  private static let text = "user,item,rating\r\nJörg,café,5\r\nЖ,naïve,4\r\n𝄞,x,3\r\n"
  private static let rows = [row("Jörg", "café", 5), row("Ж", "naïve", 4), row("𝄞", "x", 3)]

  @Test(arguments: [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf16, .utf8])
  func textIsReadInItsEncoding(encoding: String.Encoding) throws {
    for mark in ["", "\u{FEFF}"] {
      let data = try #require(((encoding == .utf16 ? "" : mark) + Self.text).data(using: encoding))
      let read = try read(data)
      #expect(read.rows == Self.rows, "\(encoding) \(mark.isEmpty)")
    }
  }

  @Test func utf16IsTold() throws {
    let data = try #require(("\u{FEFF}" + Self.text).data(using: .utf16LittleEndian))
    #expect(try read(data).file.summary(valuesAreUsed: false).contains("utf-16le"))
  }

  @Test func latin1IsRecognisedAndTold() throws {
    let text = "user;item\nJörg;café\nZoë;£ 5\n"
    let read = try read(#require(text.data(using: .isoLatin1)))
    #expect(read.rows == [row("Jörg", "café"), row("Zoë", "£ 5")])
    #expect(read.file.summary(valuesAreUsed: false).contains("latin-1"))
    var options = ReadingOptions()
    options.encoding = .latin1
    #expect(try DatasetsTests.read(Data([0x75, 0x2C, 0x80, 0x0A]), options).rows == [row("u", "€")])
  }

  @Test func oneBadByteDoesNotMakeAFileLatin1() throws {
    var data = Data((0..<50).map { "u\($0 % 5),é\($0)\n" }.joined().utf8)
    data += Data([0x75, 0x2C, 0xFF, 0x0A])
    let read = try read(data)
    #expect(read.rows.count == 50 && read.rows.first == row("u0", "é0"))
    #expect(read.file.report.firstBadLines.first?.reason.contains("--encoding latin-1") == true)
  }

  // MARK: Other files

  @Test(arguments: [
    ("PK\u{3}\u{4}", "Excel"), ("PAR1", "Parquet"), ("SQLite format 3\u{0}", "sqlite3"), ("[{\"user_id\":1}]", "jq -c '.[]'"),
    ("{u'user': u'a', u'item': 1}", "Python literals"),
  ])
  func aFileOfAnotherKindIsNamed(text: String, expected: String) throws {
    let file = try TemporaryFile(text + "\nrest\n", name: "data")
    let name = expected.hasPrefix("jq") ? "data" : "data"
    let error = #expect(throws: DatasetError.self) { try InteractionFile(path: file.folder + "/" + name) }
    // A JSON array is recognised in a file that is called JSON lines.
    if let error, !error.description.contains(expected) {
      let lines = try TemporaryFile(text + "\nrest\n", name: "data.jsonl")
      let second = #expect(throws: DatasetError.self) { try InteractionFile(path: lines.path) }
      #expect(try #require(second).description.contains(expected))
    }
  }

  // MARK: Rejected lines

  @Test func everyRejectedLineIsWrittenWithItsReason() throws {
    let good = (0..<10).map { "u\($0 % 3),i\($0),4\n" }.joined()
    let file = try TemporaryFile("user,item,rating\n" + good + "u,,3\n,i,3\n" + good + "u,i,many\n", name: "data.csv")
    let path = file.folder + "/rejects.tsv"
    let rejects = try RejectedLines(path: path)
    let reader = try InteractionFile(path: file.path, rejects: rejects)
    try reader.readRows { _ in }
    try rejects.flush()
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(
      lines == ["12\tthe item is empty\tu,,3", "13\tthe user is empty\t,i,3", "24\tthe value is no finite number\tu,i,many"])
    #expect(rejects.count == 3 && reader.report.badLines == 3)
  }

  @Test func aRowThatTheCallerCannotUseIsRejectedToo() throws {
    let file = try TemporaryFile("{\"user_id\":1}\n{\"item_id\":2}\n", name: "data.jsonl")
    let path = file.folder + "/rejects.tsv"
    let rejects = try RejectedLines(path: path)
    let reader = try InteractionFile(path: file.path, rejects: rejects)
    _ = try reader.next()
    _ = try reader.next()
    reader.reject("no user", kind: "missing_user_id")
    try rejects.flush()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "2\tno user\t{\"item_id\":2}\n")
    #expect(reader.report.rows == 1 && reader.report.badLines == 1)
  }
}
