import Foundation
import Testing
import Timestamps

@testable import Datasets

/// Options with named columns.
func columns(_ text: String) throws -> ReadingOptions {
  var options = ReadingOptions()
  options.columns = try ColumnSelection(text)
  return options
}

/// What a refused file is refused with.
func refusal(_ text: String, name: String = "data.csv", _ options: ReadingOptions = ReadingOptions()) throws -> String {
  let file = try TemporaryFile(text, name: name)
  let error = #expect(throws: DatasetError.self) { try InteractionFile(path: file.path, options: options) }
  return error?.description ?? ""
}

private func typed(_ user: String, _ item: String, _ type: String?, _ time: Int64?, value: Double? = nil) -> InteractionFile.Row {
  .columns(
    InteractionRow(user: bytes(user), item: bytes(item), value: value, timeMilliseconds: time, type: type.map { bytes($0) }))
}

@Suite struct ColumnTests {
  // MARK: By name

  @Test(arguments: [
    ("user_id", "item_id"), ("USER_ID", "ITEM_ID"), ("userId", "movieId"), ("User-ID", "ISBN"), ("visitorid", "itemid"),
    ("user_id:token", "item_id:token"), ("Customer ID", "StockCode"), ("reviewerID", "asin"), ("user.id", "parent_asin"), ("uid", "iid"),
  ])
  func namesOfManySystemsAreKnown(user: String, item: String) throws {
    let read = try read("rating,\(item),when,\(user)\n5,i,x,u\n4,j,y,v\n")
    #expect(read.rows == [row("u", "i", 5), row("v", "j", 4)])
    #expect(read.file.report.header?.count == 4)
  }

  @Test func ofTwoNamesOfOneFieldTheUsualOneIsTakenAndTheOtherIsToldAsLeftOut() throws {
    let text = "user_id,video_id,time,date,timestamp,watch_ratio\nu,i,noon,20200705,1593909072.5,0.7\nv,j,one,20200705,1593909073.25,1.4\n"
    let read = try read(text)
    #expect(read.rows == [row("u", "i", 0.7, 1_593_909_072_500), row("v", "j", 1.4, 1_593_909_073_250)])
    let summary = read.file.summary(valuesAreUsed: true)
    #expect(summary.contains("time = timestamp (column 5)") && summary.contains("left out: time (column 3), date (column 4)"), "\(summary)")
  }

  @Test func aTypeColumnIsRead() throws {
    let read = try read("FeedbackType,UserId,ItemId,Timestamp\nlike,1,2,2022-06-24 21:20:11\nread,3,4,2022-06-25T08:02:41.250Z\n")
    #expect(read.rows == [typed("1", "2", "like", 1_656_105_611_000), typed("3", "4", "read", 1_656_144_161_250)])
  }

  @Test func aHeaderThatNamesOneSideOnlyIsAskedAbout() throws {
    let message = try refusal("order_id,product_id,add_to_cart_order\n1,10,1\n1,11,2\n2,10,1\n")
    #expect(message.contains("the header names no user") && message.contains("--columns user=order_id"), "\(message)")
    #expect(try read("order_id,product_id\n1,10\n2,10\n", columns("user=order_id")).rows == [row("1", "10"), row("2", "10")])
    #expect(try refusal("session,ts,clicks\na,1700000000,3\n").contains("--columns user=session"))
  }

  @Test func aHeaderOfOtherWordsLeavesThePositionsAndSaysSo() throws {
    let read = try read("who,what,how,when\nu,i,4,2024-01-31 10:00:00\nv,j,2,2024-01-31 11:00:00\n")
    #expect(read.rows == [row("u", "i", 4, 1_706_695_200_000), row("v", "j", 2, 1_706_698_800_000)])
    #expect(read.file.summary(valuesAreUsed: true).contains("by position"))
  }

  @Test func aFirstRowWithADateIsNoHeader() throws {
    #expect(try read("u,i,2024-01-31 10:00:00\nv,j,2024-01-31 11:00:00\n").rows.count == 2)
  }

  @Test func aHeaderIsAsTheCallerSays() throws {
    var options = ReadingOptions()
    options.hasHeader = false
    #expect(try read("user,item\nu,i\n", options).rows == [row("user", "item"), row("u", "i")])
    options.hasHeader = true
    #expect(try read("a,b\nu,i\n", options).rows == [row("u", "i")])
  }

  @Test func aDeletedRowSaysSo() throws {
    let rows = try read("user_id,item_id,__deleted\nu,i,false\nu,i,true\n").rows
    #expect(
      rows == [
        .columns(InteractionRow(user: bytes("u"), item: bytes("i"))),
        .columns(InteractionRow(user: bytes("u"), item: bytes("i"), operation: .delete)),
      ])
  }

  // MARK: As the caller says

  @Test func columnsAreNamedByNameOrNumber() throws {
    let text = "a,b,c,d\n1700000000,u,4,i\n1700000001,v,5,j\n"
    let expected = [row("u", "i", 4, 1_700_000_000_000), row("v", "j", 5, 1_700_000_001_000)]
    #expect(try read(text, columns("user=b,item=d,value=c,time=a")).rows == expected)
    #expect(try read(text, columns("user=2, item=4, value=3, time=1")).rows == expected)
    #expect(try read(text, columns("user=B,item=4")).rows == [row("u", "i"), row("v", "j")])
  }

  @Test func aFieldThatIsNamedEmptyIsLeftOutAndTheOthersAreFoundByName() throws {
    let text = "user,item,rating,timestamp\nu,i,4,1700000000\n"
    #expect(try read(text, columns("rating=".replacing("rating", with: "value"))).rows == [row("u", "i", nil, 1_700_000_000_000)])
    #expect(try read(text, columns("time=none")).rows == [row("u", "i", 4)])
  }

  @Test(arguments: [
    ("user", "is not field=column"), ("users=1", "there is no field"), ("user=1,user=2", "appears twice"), ("user=0", "numbered from 1"),
    ("", "no column is named"), ("item=", "cannot be left out"),
  ])
  func aWrongSelectionSaysWhatIsWrong(text: String, expected: String) {
    let error = #expect(throws: ColumnSelection.Fault.self) { try ColumnSelection(text) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }

  @Test func columnsThatAreNotThereAreNamed() throws {
    #expect(try refusal("user,item\nu,i\n", columns("user=9,item=1")).contains("the rows have 2 columns"))
    #expect(try refusal("user,item\nu,i\n", columns("user=buyer,item=item")).contains("it has user, item"))
    #expect(try refusal("1,2,3\n4,5,6\n", columns("user=buyer,item=2")).contains("not a header"))
    #expect(try refusal("1,2,3\n4,5,6\n", columns("user=1")).contains("names no item"))
    #expect(try refusal("{\"user_id\":1}\n", name: "a.jsonl", columns("user=1,item=2")).contains("JSON lines"))
  }

  // MARK: Ids

  @Test func idsAreTrimmedAndKeepZerosAndCase() throws {
    #expect(try read("user,item\n u1 ,\" 0663713001 \"\nU1,X\n").rows == [row("u1", "0663713001"), row("U1", "X")])
  }

  @Test func aFractionOfZeroIsNoPartOfAnIDWhereTheWholeColumnHasIt() throws {
    let read = try read("Customer ID,StockCode\n17850.0,85123A\n13047.0,84879\n")
    #expect(read.rows == [row("17850", "85123A"), row("13047", "84879")])
    #expect(read.file.summary(valuesAreUsed: false).contains("17850.0 are read as 17850"))
    let mixed = try DatasetsTests.read("user,item\n17850.0,a\n13047,b\n")
    #expect(mixed.rows == [row("17850.0", "a"), row("13047", "b")])
    #expect(mixed.file.warnings.contains { $0.rule == "fractions-in-ids" })
  }

  // MARK: Times

  @Test func timesOfOneMeaningAreRead() throws {
    let texts = [
      "2024-01-31T10:00:00Z", "2024-01-31 10:00:00", "2024-01-31 12:00:00+02:00", "2024-01-31 10:00:00 UTC", "1706695200",
      "1706695200000", "1706695200.0", "Wed Jan 31 10:00:00 +0000 2024",
    ]
    for text in texts { #expect(try read("u,i,4,\(text)\n").rows == [row("u", "i", 4, 1_706_695_200_000)], "\(text)") }
  }

  @Test func aDateThatMayBeginWithDayOrMonthIsRefusedWithBothPatterns() throws {
    let text = "user_id,item_id,timestamp\n1,2,29-01-2021 07:01\n1,3,12-03-2021 05:03\n"
    let message = try refusal(text)
    #expect(message.contains("d-M-yyyy H:mm") && message.contains("M-d-yyyy H:mm"), "\(message)")
    #expect(message.contains("1 of 2 can only begin with the day") && message.contains("timestamp (column 3)"), "\(message)")
    var options = ReadingOptions()
    options.timeFormat = try TimestampFormat("d-M-yyyy H:mm")
    #expect(try read(text, options).rows == [row("1", "2", nil, 1_611_903_660_000), row("1", "3", nil, 1_615_525_380_000)])
  }

  @Test func aDateInDigitsIsRefusedUntilItIsNamed() throws {
    let text = "user,item,date\n" + (0..<20).map { "u\($0 % 3),i\($0 % 7),202007\(10 + $0)\n" }.joined()
    // Neither the line by line reading nor the rule lets these be times in 1970.
    #expect(try refusal(text).contains("yyyyMMdd"))
    var options = ReadingOptions()
    options.timeFormat = try TimestampFormat("yyyyMMdd")
    #expect(try read(text, options).rows.first == row("u0", "i0", nil, 1_594_339_200_000))
  }
}
