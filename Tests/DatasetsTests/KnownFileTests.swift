import Foundation
import Testing
import Timestamps

@testable import Datasets

/// Well-known data sets: a few lines in the form of each, made up.
@Suite struct KnownFileTests {
  // MARK: Read

  @Test(arguments: ["u.data", "ratings.dat", "ratings.csv"]) func movieLensInItsThreeForms(name: String) throws {
    let data = (0..<40).map { ("\($0 % 6 + 1)", "\($0 * 31 % 97)", "\($0 % 5 + 1)", "\(978_300_760 + $0)") }
    let separator = name == "u.data" ? "\t" : name == "ratings.dat" ? "::" : ","
    let header = name == "ratings.csv" ? "userId,movieId,rating,timestamp\n" : ""
    let text = header + data.map { [$0.0, $0.1, $0.2, $0.3].joined(separator: separator) }.joined(separator: "\n") + "\n"
    let rows = try read(text, name: name).rows
    #expect(rows.count == 40)
    #expect(rows.first == row("1", "0", 1, 978_300_760_000))
    #expect(rows.last == row("4", String(39 * 31 % 97), 5, 978_300_799_000))
  }

  @Test func retailRocketBeginsWithTheTime() throws {
    let text = """
      timestamp,visitorid,event,itemid,transactionid
      1433221332117,257597,view,355908,
      1433224214164,992329,view,248676,
      1433221999827,111016,addtocart,318965,
      1433222276276,599528,transaction,356475,4000

      """
    let read = try read(text, name: "events.csv")
    #expect(
      read.rows.last
        == .columns(
          InteractionRow(user: bytes("599528"), item: bytes("356475"), timeMilliseconds: 1_433_222_276_276, type: bytes("transaction"))))
    #expect(read.rows.count == 4 && read.file.summary(valuesAreUsed: false).contains("left out: transactionid (column 5)"))
  }

  @Test(arguments: ["2010-12-01 08:26:00", "12/1/2010 8:26", "01.12.10 08:26"]) func onlineRetailInItsForms(time: String) throws {
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    let lines = (0..<10).map { "5363\($0),8512\($0)A,\"HANGING, WHITE\",6,\(time),2.55,1785\($0).0,United Kingdom\n" }
    let missing = "536544,21773,DECORATIVE ROSE,1,\(time),2.51,,United Kingdom\n"
    let text = header + lines.joined() + missing
    guard time.hasPrefix("2010") else {
      let pattern = time.contains("/") ? "M/d/yyyy H:mm" : "dd.MM.yy HH:mm"
      let message = try refusal(text)
      #expect(message.contains("--time-format") && message.contains("InvoiceDate (column 5)"), "\(message)")
      var options = ReadingOptions()
      options.timeFormat = try TimestampFormat(pattern)
      #expect(try read(text, options).rows.first == row("17850", "85120A", 6, 1_291_191_960_000))
      return
    }
    let read = try read(text)
    #expect(read.rows.first == row("17850", "85120A", 6, 1_291_191_960_000))
    #expect(read.file.report.firstBadLines == [BadLine(line: 12, reason: "the user is empty")])
  }

  @Test func bookCrossingIsSemicolonsQuotesAndLatin1() throws {
    let text = "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"276725\";\"034545104X\";\"0\"\n\"276726\";\"0155061224\";\"5\"\n"
    #expect(
      try read(#require(text.data(using: .isoLatin1)), name: "BX.csv").rows == [
        row("276725", "034545104X", 0), row("276726", "0155061224", 5),
      ])
  }

  @Test func recBoleNamesTheKindsOfItsColumns() throws {
    let text = "item_id:token\tuser_id:token\trating:float\ttimestamp:float\ni1\tu1\t4.0\t9.78e+08\ni2\tu2\t3.5\t978300760.0\n"
    #expect(try read(text, name: "ml.inter").rows == [row("u1", "i1", 4, 978_000_000_000), row("u2", "i2", 3.5, 978_300_760_000)])
  }

  @Test func gorseExportsWithAHeaderAreReadByName() throws {
    let rows = try read("FeedbackType,UserId,ItemId,Timestamp\nlike,3101,90758,2022-06-24 21:20:11\n").rows
    #expect(
      rows == [
        .columns(InteractionRow(user: bytes("3101"), item: bytes("90758"), timeMilliseconds: 1_656_105_611_000, type: bytes("like")))
      ])
  }

  // MARK: Refused with what they seem to be

  @Test func yoochooseHasItsTimeWhereTheItemIsExpected() throws {
    let text = (0..<300).map { "\($0 / 4),2014-04-07T11:\(10 + $0 % 50):20.036Z,\(214_536_500 + $0 * 7 % 60),\($0 % 3)\n" }.joined()
    let message = try refusal(text, name: "clicks.dat")
    #expect(message.contains("the items are taken from column 2, but 100 % of its cells are times"), "\(message)")
    #expect(message.contains("--columns user=1,item=3,time=2") && message.contains("--accept-columns"), "\(message)")
    let rows = try read(text, name: "clicks.dat", columns("user=1,item=3,time=2")).rows
    #expect(rows.count == 300 && rows.first == row("0", "214536500", nil, 1_396_869_020_036))
  }

  @Test func aGorseExportWithoutAHeaderBeginsWithTheType() throws {
    let text = (0..<30).map { "\($0 % 3 == 0 ? "like" : "read"),\(3100 + $0 % 4),\(90_700 + $0 % 9),2022-06-24 21:20:\(10 + $0)\n" }
      .joined()
    let message = try refusal(text)
    #expect(message.contains("types of events") && message.contains("user=2,item=3,type=1,time=4"), "\(message)")
  }

  @Test func amazon2018HasItsItemsFirst() throws {
    let products = (0..<30).map { "B0\(String(format: "%08X", 0x00A1_0000 + $0 % 9))" }
    let swapped = products.enumerated().map { "\($1),A\(String(format: "%012X", $0 % 11 + 77)),5.0,\(1_400_000_000 + $0)\n" }.joined()
    let message = try refusal(swapped)
    #expect(message.contains("exchanged") && message.contains("user=2,item=1"), "\(message)")
    // The files of 2014 have the users first.
    let right = products.enumerated().map { "A\(String(format: "%012X", $0 % 11 + 77)),\($1),5.0,\(1_400_000_000 + $0)\n" }.joined()
    #expect(try read(right).rows.count == 30)
  }

  @Test func netflixNamesTheItemInALineOfItsOwn() throws {
    let block = { (item: Int) in "\(item):\n" + (0..<20).map { "\(1_488_000 + $0),\($0 % 5 + 1),2005-09-\(10 + $0)\n" }.joined() }
    let message = try refusal((1...4).map(block).joined(), name: "combined_data_1.txt")
    #expect(message.contains("write the item into each line"), "\(message)")
  }

  @Test func taobaoHasACategoryAndATypeWhereValueAndTimeAreExpected() throws {
    let text = (0..<300).map {
      "\($0 * 7 % 40),\(2_268_000 + $0 % 17),\(2_520_300 + $0 % 30),\(["pv", "buy", "cart", "fav"][$0 % 4]),\(1_511_544_070 + $0)\n"
    }.joined()
    let message = try refusal(text)
    #expect(message.contains("user=1,item=2,type=4,time=5"), "\(message)")
  }

  @Test func lastFM1KHasItsTimeSecond() throws {
    let text = (0..<30).map { "user_00\($0 % 3)\t2009-05-04T23:08:\(10 + $0)Z\tm\($0 % 5)\tA Band\tt\($0 % 9)\tA Song\n" }.joined()
    #expect(try refusal(text, name: "plays.tsv").contains("times"))
  }

  @Test func timeFirstIsNoUser() throws {
    let text = (0..<200).map { "\(1_700_000_000 + $0 * 13),u\($0 % 9),i\($0 % 31)\n" }.joined()
    let message = try refusal(text)
    #expect(message.contains("the users are taken from column 1") && message.contains("user=2,item=3,time=1"), "\(message)")
  }
}
