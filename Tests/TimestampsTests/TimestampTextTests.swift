import Testing

@testable import Timestamps

@Suite struct TimestampTextTests {
  @Test(
    arguments: [
      // RFC 3339 and what looks like it; 2022-06-24T21:20:11Z is 1656105611.
      ("2022-06-24T21:20:11Z", 1_656_105_611_000), ("2022-06-24t21:20:11z", 1_656_105_611_000),
      ("2022-06-24T21:20:11.250Z", 1_656_105_611_250), ("2022-06-24T21:20:11.123456789Z", 1_656_105_611_123),
      ("2022-06-24T23:20:11+02:00", 1_656_105_611_000), ("2022-06-24T15:50:11-05:30", 1_656_105_611_000),
      ("2022-06-24 21:20:11", 1_656_105_611_000), ("2022-06-24T21:20:11", 1_656_105_611_000), ("2022-06-24 21:20", 1_656_105_600_000),
      ("2022-06-24 21:20:11.5", 1_656_105_611_500), ("2022-06-24 21:20:11,500", 1_656_105_611_500),
      ("2022-06-24 21:20:11 UTC", 1_656_105_611_000), ("2022-06-24 21:20:11 GMT", 1_656_105_611_000),
      ("2022-06-24 21:20:11.000000 UTC", 1_656_105_611_000), ("2022-06-24 23:20:11 +0200", 1_656_105_611_000),
      ("2022-06-24 23:20:11+02", 1_656_105_611_000), ("2022-06-24 23:20:11 GMT+02:00", 1_656_105_611_000),
      ("2022-06-24T23:20:11+02:00[Europe/Paris]", 1_656_105_611_000), ("  2022-06-24 21:20:11\t", 1_656_105_611_000),
      ("2022/06/24 21:20:11", 1_656_105_611_000), ("2022-6-24 21:20:11", 1_656_105_611_000), ("20220624T212011Z", 1_656_105_611_000),
      ("20220624T212011.250+0000", 1_656_105_611_250), ("2022-06-24", 1_656_028_800_000), ("2022/6/24", 1_656_028_800_000),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2024-02-29", 1_709_164_800_000),
      // A date that names its month.
      ("Tue Apr 03 18:00:09 +0000 2012", 1_333_476_009_000), ("Tue Apr  3 18:00:09 2012", 1_333_476_009_000),
      ("Tue, 03 Apr 2012 18:00:09 GMT", 1_333_476_009_000), ("Tue, 3 Apr 2012 11:00:09 -0700", 1_333_476_009_000),
      ("Tue Apr 03 2012 11:00:09 GMT-0700 (Pacific Daylight Time)", 1_333_476_009_000), ("3-Apr-2012 18:00:09", 1_333_476_009_000),
      ("April 3, 2012", 1_333_411_200_000), ("3 april 2012", 1_333_411_200_000), ("09 Sept. 2019", 1_567_987_200_000),
      // Numbers, in the unit that their magnitude tells.
      ("1636994059", 1_636_994_059_000), ("1636994059000", 1_636_994_059_000), ("1636994059000000", 1_636_994_059_000),
      ("1636994059000000000", 1_636_994_059_000), ("1566745166.5", 1_566_745_166_500), ("1636994059.123456789", 1_636_994_059_123),
      ("9.78e+08", 978_000_000_000), ("1.636994059E9", 1_636_994_059_000), ("1.636994059123e12", 1_636_994_059_123),
      ("1636994059.0", 1_636_994_059_000), ("1636994059123.9", 1_636_994_059_123), ("-1.5", -1500), ("+5", 5000), ("0", 0),
    ] as [(String, Int64)])
  func timesWithOneMeaningAreRead(text: String, expected: Int64) throws {
    #expect(try read(text) == expected)
  }

  @Test(
    arguments: [
      ("29-01-2021 07:01", .dayOrMonthFirst), ("12/1/2010 8:26", .dayOrMonthFirst), ("05.10.2020", .dayOrMonthFirst),
      ("11/11/2019 3:28:58 PM", .dayOrMonthFirst), ("12/1/10 8:26", .twoDigitYear), ("3 Apr 12", .twoDigitYear),
      ("2019-11-11 3:28:58 PM", .twelveHourClock), ("20200705", .dateOrNumber), ("202007051230", .dateOrNumber),
      ("20200705123000", .dateOrNumber), ("2022-06-24 21:20:11 CST", .zoneName), ("Thu Aug 17 15:15:28 PDT 2017", .zoneName),
      ("", .unreadable),
      ("   ", .unreadable), ("yesterday", .noDate), ("N/A", .unreadable), ("\\N", .unreadable), ("2022-06-24T", .unreadable),
      ("2022-13-01", .unreadable),
      ("2023-02-29", .unreadable),
      ("2022-06-24 24:00:00", .unreadable), ("2022-06-24 21:20:11 +25:00", .unreadable), ("2022-06-24x", .unreadable),
      ("2022-06-24 21:20:60", .unreadable), ("10:20:30", .unreadable),
      ("12abc", .unreadable), ("--5", .unreadable), ("1e", .unreadable),
      (".5", .unreadable), ("1-2", .unreadable), ("99999999999999999999", .outOfRange), ("1e300", .outOfRange), ("NaN", .unreadable),
      ("Zeit", .noDate),
      ("2022-06-24T21:20:11.Z", .unreadable), ("Apr 2012", .unreadable),
    ] as [(String, TimestampFault)])
  func textsWithoutOneMeaningAreRefused(text: String, fault: TimestampFault) {
    #expect(throws: fault, "\(text)") { try read(text) }
  }

  @Test func theSentenceNamesTheTextAndThePattern() {
    let text = "29-01-2021 07:01"
    let sentence = Array(text.utf8).withUnsafeBufferPointer {
      TimestampFault.dayOrMonthFirst.sentence(about: $0, setting: "input.timestamp_format")
    }
    #expect(
      sentence == #""29-01-2021 07:01" may begin with the day or the month; set input.timestamp_format to d-M-yyyy H:mm or M-d-yyyy H:mm"#)
  }

  /// The sentence's advice must be a pattern that reads the text.
  @Test(arguments: ["29-01-2021 07:01", "12/1/2010 8:26", "05.10.2020", "11/11/2019 3:28:58 PM", "12/1/2010 8:26:05"])
  func theAdviceOfTheSentenceWorks(text: String) throws {
    let sentence = Array(text.utf8).withUnsafeBufferPointer { TimestampFault.dayOrMonthFirst.sentence(about: $0, setting: "KEY") }
    let advice = try #require(sentence.split(separator: "set KEY to ").last)
    let patterns = advice.split(separator: " or ").map(String.init)
    #expect(patterns.count == 2)
    #expect(patterns.contains { (try? read(text, TimestampFormat($0))) != nil }, "\(advice)")
  }

  @Test func everyCutOfATimeIsReadOrRefusedWithoutATrap() {
    let texts = [
      "2022-06-24T21:20:11.123+02:00[Europe/Paris]", "Tue Apr 03 2012 11:00:09 GMT-0700 (PDT)", "1636994059.123e-2",
      "20220624T212011.250+0000",
    ]
    for text in texts {
      let bytes = Array(text.utf8)
      for start in bytes.indices {
        for end in start...bytes.count {
          _ = bytes[start..<end].withUnsafeBufferPointer { part in try? TimestampText.milliseconds(part) }
        }
      }
    }
  }
}

@Suite struct TimestampFormatTests {
  @Test(
    arguments: [
      ("dd-MM-yyyy HH:mm", "29-01-2021 07:01", 1_611_903_660_000), ("d/M/yyyy", "5/10/2020", 1_601_856_000_000),
      ("M/d/yyyy h:mm:ss a", "11/11/2019 3:28:58 PM", 1_573_486_138_000), ("M/d/yyyy h:mm a", "1/2/2019 12:05 AM", 1_546_387_500_000),
      ("M/d/yyyy h:mm a", "1/2/2019 12:05 PM", 1_546_430_700_000), ("M/d/yy H:mm", "12/1/10 8:26", 1_291_191_960_000),
      ("M/d/yy", "1/1/70", 0), ("M/d/yy", "1/1/69", 3_124_224_000_000), ("yyyyMMdd", "20200705", 1_593_907_200_000),
      ("yyyyMMddHHmmss", "20200705123000", 1_593_952_200_000), ("MM dd, yyyy", "09 13, 2009", 1_252_800_000_000),
      ("dd-MM-yyyy HH:mm [+02:00]", "29-01-2021 09:01", 1_611_903_660_000), ("dd MMM yyyy", "03 Apr 2012", 1_333_411_200_000),
      ("EEE dd.MM.yyyy HH:mm:ss.SSS Z", "Fri 29.01.2021 08:01:00.250 +0100", 1_611_903_660_250),
      ("yyyy-MM-dd'T'HH:mm:ssX", "2021-01-29T07:01:00Z", 1_611_903_660_000), ("yyyy'.'MM'.'dd", "2021.01.29", 1_611_878_400_000),
      ("days", "18600", 1_607_040_000_000), ("seconds", "1700000000.25", 1_700_000_000_250), ("milliseconds", "5000", 5000),
      ("microseconds", "1700000000000000", 1_700_000_000_000), ("nanoseconds", "5000000", 5), ("auto", "2021-01-29", 1_611_878_400_000),
    ] as [(String, String, Int64)])
  func aPatternReadsItsText(pattern: String, text: String, expected: Int64) throws {
    #expect(try read(text, TimestampFormat(pattern)) == expected)
  }

  @Test(arguments: [
    ("dd-MM-yyyy", "2021-01-29"), ("dd-MM-yyyy", "29-13-2021"), ("dd-MM-yyyy", "29-01-2021 07:01"), ("dd-MM-yyyy HH:mm", "29-01-2021"),
    ("M/d/yyyy h:mm a", "1/2/2019 13:05 PM"), ("M/d/yyyy h:mm a", "1/2/2019 0:05 AM"), ("yyyyMMdd", "2020705"), ("seconds", "1 day"),
    ("dd-MM-yyyy", "1611903660"),
  ])
  func anotherTextIsRefused(pattern: String, text: String) throws {
    let format = try TimestampFormat(pattern)
    #expect(throws: TimestampFault.otherThanPattern) { try read(text, format) }
  }

  @Test(
    arguments: [
      ("dd-MM", .incomplete), ("", .incomplete), ("dd-MM-yyyy hh:mm", .hourWithoutHalf), ("dd-MM-yyyy H:mm a", .hourWithoutHalf),
      ("dd-MM-yyyy dd", .repeated("d")), ("dd-MM-yyyy Q", .unknownLetter("Q")), ("yyyy-MM-dd'T", .openQuote),
      ("yyyy-MM-dd [Paris]", .badOffset),
      ("%d-%m-%Y", .unknownLetter("Y")),
    ] as [(String, TimestampFormat.PatternFault)])
  func aPatternThatCannotWorkIsRefusedWhenItIsSet(pattern: String, fault: TimestampFormat.PatternFault) {
    #expect(throws: fault) { try TimestampFormat(pattern) }
  }

  @Test(arguments: ["seconds", "dd-MM-yyyy", "auto"]) func aWordIsNoDateInAnyFormat(pattern: String) throws {
    #expect(throws: TimestampFault.noDate) { try read("soon", TimestampFormat(pattern)) }
    #expect(throws: TimestampFault.unreadable) { try read("", TimestampFormat(pattern)) }
  }

  @Test func aPatternReadsTheDigitsOfANumber() throws {
    #expect(try TimestampFormat("yyyyMMdd").milliseconds(ofInteger: 20_200_705) == 1_593_907_200_000)
    #expect(try TimestampFormat("days").milliseconds(ofInteger: 18_600) == 1_607_040_000_000)
    #expect(throws: TimestampFault.dateOrNumber) { try TimestampFormat.automatic.milliseconds(ofInteger: 20_200_705) }
    #expect(try TimestampFormat.automatic.milliseconds(ofInteger: 20_209_999) == 20_209_999_000, "month 99 is no date")
  }
}

private func read(_ text: String, _ format: TimestampFormat = .automatic) throws -> Int64 {
  try Array(text.utf8).withUnsafeBufferPointer { bytes throws(TimestampFault) in try format.milliseconds(bytes) }
}
