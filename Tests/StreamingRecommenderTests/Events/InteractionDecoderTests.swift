import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct InteractionDecoderTests {
  // MARK: Ids

  @Test func aPlainEventIsReadWhole() {
    let json =
      #"{"user_id":"u1","item_id":"i1","event_type":"view","event_value":2.5,"timestamp":1700000000000,"event_id":"e1","op":"set"}"#
    let expected = Interaction(
      user: Array("u1".utf8), item: Array("i1".utf8), strength: 2.5, timeMilliseconds: 1_700_000_000_000, operation: .set,
      eventID: Array("e1".utf8), typeHash: 0xDBA4_F4F8)
    #expect(decode(json, key: "u1") == .interaction(expected, clamped: [], keyMismatch: false))
  }

  @Test(arguments: [
    ("42", "42"), ("-7", "-7"), ("-0", "0"), ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"), ("1e3", "1000"), ("7.0", "7"), (#""007""#, "007"),
    (#""a\u0062\n\ud83d\ude00""#, "ab\n😀"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""é""#, "é"), (#""e\u0301""#, "e\u{301}"),
  ])
  func idsAreStringsOrIntegers(json: String, id: String) {
    let decoded = decode(#"{"user_id":\#(json),"item_id":"i"}"#)
    #expect(decoded.applied?.user == Array(id.utf8))
  }

  @Test(arguments: [
    (#""""#, RejectionReason.badID), (#""a\u0000b""#, .badID), ("true", .badID), ("[1]", .badID), ("{}", .badID), ("1.5", .badID),
    ("9223372036854775808", .badID), ("1e30", .badID), ("null", .missingUserID),
    (#""\#(String(repeating: "x", count: 257))""#, .idTooLong), (#""\#(String(repeating: "é", count: 129))""#, .idTooLong),
  ])
  func otherIDsAreRefused(json: String, reason: RejectionReason) {
    #expect(decode(#"{"user_id":\#(json),"item_id":"i"}"#).reason == reason)
  }

  @Test func anIDMayHaveExactlyTheBytesOfTheLimit() {
    let id = String(repeating: "x", count: 256)
    #expect(decode(#"{"user_id":"\#(id)","item_id":"i"}"#).applied?.user.count == 256)
    let escaped = String(repeating: "\\u0078", count: 256)
    #expect(decode(#"{"user_id":"\#(escaped)","item_id":"i"}"#).applied?.user == Array(id.utf8))
    #expect(decode(#"{"user_id":"\#(id)","item_id":"i"}"#, { $0.maxIDBytes = 255 }).reason == .idTooLong)
  }

  @Test func missingIDsAreNamed() {
    #expect(decode("{}").reason == .missingUserID)
    #expect(decode(#"{"item_id":"i"}"#).reason == .missingUserID)
    #expect(decode(#"{"user_id":"u"}"#).reason == .missingItemID)
  }

  // MARK: JSON

  @Test(arguments: [
    ("nope", RejectionReason.badJSON), ("{", .badJSON), ("{\"user_id\":", .badJSON), ("[1,2]", .notObject), ("\"x\"", .notObject),
    ("12", .notObject), ("null", .notObject), ("[1,2", .badJSON), ("[1,]", .badJSON), ("{,}", .badJSON), ("   ", .badJSON),
    ("u1,i1,1.0,1700000000000", .badJSON), ("{'user_id':1}", .badJSON), ("// x\n{}", .badJSON), ("[NaN]", .badJSON), ("{}{}", .badJSON),
    ("\u{7}{}", .badJSON),
  ])
  func anythingButOneObjectIsRefused(text: String, reason: RejectionReason) {
    #expect(decode(text).reason == reason)
  }

  @Test(arguments: [
    "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "1e", "1e+", "-", "0x10", "tru", "nul", "\"a", "\"\\x\"", "\"\\u12g4\"",
    "\"\n\"",
    "[1 2]", "{\"a\" 1}", "{\"a\":1,}", "{1:2}", "[}", "{]", "",
  ])
  func valuesThatAreNotJSONAreRefusedAnywhere(value: String) {
    #expect(decode(#"{"user_id":"u","item_id":"i","x":\#(value)}"#).reason == .badJSON)
    #expect(decode(#"{"user_id":"u","item_id":"i","event_value":\#(value)}"#).reason == .badJSON)
    #expect(decode(#"{"user_id":"u","item_id":"i","x":[{"y":\#(value)}]}"#).reason == .badJSON)
  }

  @Test(arguments: [
    "1", "-0.5e-7", "\"\"", "[]", "{}", "[[],{}]", "{\"a\":[1,{\"b\":null}],\"c\":true}", "false", "\"\\ud83d\\ude00\"", "1e999",
  ])
  func unknownFieldsAreAccepted(value: String) {
    #expect(decode(#"{"x":\#(value),"user_id":"u","item_id":"i", "y" : \#(value) }"#).applied != nil)
  }

  @Test func spaceAndByteOrderMarkAreAllowed() {
    #expect(decode("\u{FEFF} \n\t{ \"user_id\" : \"u\" , \"item_id\" : 7 } \r\n").applied != nil)
  }

  @Test(arguments: [
    [0xFF], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
    [0xF5, 0x80, 0x80, 0x80], [0x80], [0xE2, 0x82],
  ])
  func bytesThatAreNotUTF8AreRefusedAnywhere(bad: [UInt8]) {
    func around(_ before: String, _ after: String) -> [UInt8] { Array(before.utf8) + bad + Array(after.utf8) }
    #expect(decode(bytes: around(#"{"user_id":"u"#, #"","item_id":"i"}"#)).reason == .badUTF8)
    #expect(decode(bytes: around(#"{"user_id":"u","item_id":"i","x":{"y":["abcdefghijk"#, #""]}}"#)).reason == .badUTF8)
    #expect(decode(bytes: around(#"{"user_id":"u","item_id":"i",""#, #"":1}"#)).reason == .badUTF8)
    #expect(decode(bytes: around(#"{"user_id":"u","item_id":"i"}"#, "")).reason == .badUTF8)
  }

  @Test(arguments: [#"\ud800"#, #"\udc00"#, #"\ud800x"#, #"\ud800\n"#, #"\ud800\ud800"#, #"\udc00\ud800"#])
  func loneSurrogatesAreRefusedAnywhere(text: String) {
    #expect(decode(#"{"user_id":"\#(text)","item_id":"i"}"#).reason == .badUTF8)
    #expect(decode(#"{"user_id":"u","item_id":"i","x":["\#(text)"]}"#).reason == .badUTF8)
  }

  @Test func depthIsLimited() {
    func nested(_ depth: Int) -> String {
      #"{"user_id":"u","item_id":"i","x":"# + String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1) + "}"
    }
    #expect(decode(nested(16)).applied != nil)
    #expect(decode(nested(17)).reason == .tooDeep)
    #expect(decode(nested(300), { $0.maxDepth = 300 }).applied != nil)
    #expect(decode(nested(301), { $0.maxDepth = 300 }).reason == .tooDeep)
    let mixed =
      String(repeating: #"{"a":["#, count: 100) + String(repeating: "]}", count: 100)
    #expect(decode(#"{"user_id":"u","item_id":"i","x":\#(mixed)}"#, { $0.maxDepth = 1000 }).applied != nil)
    let crossed = String(repeating: #"{"a":["#, count: 100) + String(repeating: "}]", count: 100)
    #expect(decode(#"{"user_id":"u","item_id":"i","x":\#(crossed)}"#, { $0.maxDepth = 1000 }).reason == .badJSON)
  }

  @Test func sizeIsLimitedBeforeAnythingElse() {
    let json = #"{"user_id":"u","item_id":"i"}"#
    #expect(decode(json, { $0.maxRecordBytes = json.utf8.count }).applied != nil)
    #expect(decode(json, { $0.maxRecordBytes = json.utf8.count - 1 }).reason == .tooLarge)
    #expect(decode("").reason == .empty)
  }

  @Test func unreadableBytesComeBeforeFaultsOfFields() {
    #expect(decode(#"{"user_id":{},"item_id":"i","event_value":"x"} x"#).reason == .badJSON)
  }

  // MARK: Repeated fields and aliases

  @Test(arguments: [
    #"{"user_id":"u","user_id":"u","item_id":"i"}"#, #"{"user_id":"u","item_id":"i","x":1,"x":1}"#,
    #"{"user_id":"u","item_id":"i","userId":"u"}"#, #"{"user_id":"u","item_id":"i","\u0075ser_id":"u"}"#,
    #"{"user_id":"u","item_id":"i","x":1,"\u0078":1}"#, #"{"user_id":null,"user_id":"u","item_id":"i"}"#,
    #"{"user_id":"u","item_id":"i","rating":1,"event_value":1}"#, #"{"user_id":{},"item_id":"i","op":"add","op":"add"}"#,
    #"{"user_id":"u","item_id":"i","properties":{},"properties":{}}"#,
  ])
  func repeatedFieldsAreRefused(json: String) {
    #expect(decode(json).reason == .duplicateField)
  }

  @Test func manyUnknownFieldsAreComparedQuickly() {
    let fields = (0..<5000).map { "\"k\($0)\":0" }.joined(separator: ",")
    #expect(decode(#"{"user_id":"u","item_id":"i",\#(fields)}"#).applied != nil)
    #expect(decode(#"{"user_id":"u","item_id":"i",\#(fields),"k4321":0}"#).reason == .duplicateField)
  }

  @Test func namesInsideOtherObjectsMayRepeat() {
    #expect(decode(#"{"user_id":"u","item_id":"i","properties":{"user_id":1,"user_id":2}}"#).applied?.user == [0x75])
  }

  @Test(arguments: [
    #"{"userId":"u","itemId":"i","eventType":"view","eventValue":3,"sentAt":1700000000,"eventId":"e"}"#,
    #"{"USER_ID":"u","ITEM_ID":"i","EVENT_TYPE":"view","EVENT_VALUE":3,"TIMESTAMP":1700000000,"EVENT_ID":"e"}"#,
    #"{"visitorId":"u","eventType":"view","eventTime":"2023-11-14T22:13:20Z","productDetails":[{"product":{"id":"i"},"quantity":3}],"event_id":"e"}"#,
    #"{"userInfo":{"userAgent":"x","userId":"u"},"eventType":"view","quantity":3,"eventTime":1700000000,"productDetails":[{"product":{"id":"i"}}],"event_id":"e"}"#,
    #"{"UserId":"u","ItemId":"i","FeedbackType":"view","Value":3,"Timestamp":"2023-11-14T22:13:20Z","event_id":"e"}"#,
    #"{"user":"u","item":"i","rating":3,"timestamp":1700000000,"event_id":"e","event_type":"view"}"#,
  ])
  func aliasesMeanTheCanonicalFields(json: String) {
    let expected = Interaction(
      user: [0x75], item: [0x69], strength: 3, timeMilliseconds: 1_700_000_000_000, operation: .add, eventID: [0x65])
    #expect(decode(json).applied == expected)
  }

  @Test func aliasesCanBeSwitchedOff() {
    #expect(decode(#"{"userId":"u","itemId":"i"}"#, { $0.aliases = [] }).reason == .missingUserID)
    #expect(decode(#"{"user":"u","item":"i"}"#, { $0.aliases = [.spark] }).applied != nil)
    #expect(decode(#"{"visitorId":"u","item":"i"}"#, { $0.aliases = [.spark] }).reason == .missingUserID)
    #expect(decode(#"{"user_id":"u","item_id":"i","user":{"name":"x"}}"#, { $0.aliases = [] }).applied != nil)
  }

  @Test func eachProductIsAnEvent() {
    let json = #"{"visitorId":"u","productDetails":[{"product":{"id":"a"},"quantity":2},{"product":{"id":"b"}}]}"#
    #expect(lines(decode(json)) == ["u a 2.0 add 1795219200000", "u b 1.0 add 1795219200000"])
  }

  @Test func theVisitorGoesBeforeTheUserInfo() {
    let json = #"{"userInfo":{"userId":"b"},"visitorId":"a","item_id":"i"}"#
    #expect(decode(json).applied?.user == Array("a".utf8))
  }

  @Test(arguments: [
    (#"{"visitorId":"u","productDetails":[]}"#, RejectionReason.missingItemID), (#"{"visitorId":"u","productDetails":7}"#, .missingItemID),
    (#"{"visitorId":"u","productDetails":[{"product":{"id":{}}}]}"#, .badID),
    (#"{"visitorId":"u","item_id":"i","productDetails":[{"product":{"id":"i"}}]}"#, .duplicateField),
    (#"{"visitorId":"u","productDetails":[{"product":{"id":"i"},"quantity":"x"}]}"#, .badValue),
    (#"{"userInfo":[],"item_id":"i"}"#, .missingUserID), (#"{"userInfo":{"userId":true},"item_id":"i"}"#, .badID),
  ])
  func nestedFieldsObeyTheSameRules(json: String, reason: RejectionReason) {
    #expect(decode(json).reason == reason)
  }

  // MARK: Types, values, strength

  @Test func anUnknownTypeIsIgnoredOrAppliedAsConfigured() {
    let json = #"{"user_id":"u","item_id":"i","event_type":"buy","event_value":2}"#
    #expect(decode(json, { $0.weights = ["view": 1] }) == .ignored(.unknownType))
    #expect(
      decode(
        json,
        {
          $0.weights = ["view": 1]
          $0.unknownType = .apply
          $0.defaultWeight = 0.5
        }
      ).applied?.strength == 1)
    #expect(decode(json, { $0.weights = ["view": 1, "buy": 4] }).applied?.strength == 8)
    #expect(decode(json, { $0.defaultWeight = 3 }).applied?.strength == 6)
    #expect(decode(#"{"user_id":"u","item_id":"i"}"#, { $0.weights = ["view": 2] }).applied?.strength == 1)
    #expect(decode(#"{"user_id":"u","item_id":"i","event_type":"v\u0069ew"}"#, { $0.weights = ["view": 2] }).applied?.strength == 2)
  }

  @Test func aTypeHasOneTo64Characters() {
    func typed(_ type: String) -> DecodedRecord { decode(#"{"user_id":"u","item_id":"i","event_type":\#(type)}"#) }
    #expect(typed("\"\(String(repeating: "é", count: 64))\"").applied != nil)
    #expect(typed("\"\(String(repeating: "é", count: 65))\"").reason == .badEventType)
    #expect(typed(#""""#).reason == .badEventType)
    #expect(typed("5").reason == .badEventType)
    #expect(typed("null").applied != nil)
  }

  @Test(arguments: [
    ("0", 0), ("-1", -1), ("2.5e1", 25), ("null", 1), ("5e-324", 0), ("1e-999", 0), ("0.1", 0.1),
    ("123456789012345678901234567890e-29", 1.2345679),
  ])
  func aValueIsAFiniteNumber(json: String, strength: Float) {
    let decoded = decode(#"{"user_id":"u","item_id":"i","event_value":\#(json)}"#)
    #expect(decoded.applied?.strength == strength)
    #expect(decoded.clamped == [])
  }

  @Test(arguments: ["\"5\"", "true", "false", "[]", "{}", "1e999", "-1e400", "\(String(repeating: "9", count: 400))"])
  func otherValuesAreRefused(json: String) {
    #expect(decode(#"{"user_id":"u","item_id":"i","event_value":\#(json)}"#).reason == .badValue)
  }

  @Test func hugeValuesAreClampedAndMarked() {
    let huge = decode(#"{"user_id":"u","item_id":"i","event_value":-1e308}"#)
    #expect(huge.applied?.strength == -1e6)
    #expect(huge.clamped == .value)
    #expect(decode(#"{"user_id":"u","item_id":"i","event_value":1e6}"#).clamped == [])
    #expect(decode(#"{"user_id":"u","item_id":"i","event_value":50}"#, { $0.maxStrength = 10 }).applied?.strength == 10)
    let infinite = decode(
      #"{"user_id":"u","item_id":"i","event_value":1e308}"#,
      {
        $0.maxValue = .greatestFiniteMagnitude
        $0.maxStrength = .greatestFiniteMagnitude
      })
    #expect(infinite.applied?.strength == .greatestFiniteMagnitude)
  }

  @Test func theStrengthRuleShapesTheValue() {
    let json = #"{"user_id":"u","item_id":"i","event_value":-3}"#
    #expect(decode(json, { $0.strength = .weight }).applied?.strength == -3)
    #expect(decode(json, { $0.strength = .log1p }).applied?.strength == Float(-log1p(3.0)))
    #expect(decode(json, { $0.strength = .ignore }).applied?.strength == 1)
    #expect(decode(#"{"user_id":"u","item_id":"i"}"#, { $0.strength = .log1p }).applied?.strength == Float(log1p(1.0)))
  }

  @Test func operationsAreThree() {
    #expect(decode(#"{"user_id":"u","item_id":"i","op":"delete"}"#).applied?.operation == .delete)
    #expect(decode(#"{"user_id":"u","item_id":"i","op":"set"}"#).applied?.operation == .set)
    #expect(decode(#"{"user_id":"u","item_id":"i","op":null}"#).applied?.operation == .add)
    #expect(decode(#"{"user_id":"u","item_id":"i","op":"Add"}"#).reason == .badValue)
    #expect(decode(#"{"user_id":"u","item_id":"i","op":1}"#).reason == .badValue)
  }

  // MARK: Time

  @Test(arguments: [
    ("1700000000", 1_700_000_000_000), ("1700000000123", 1_700_000_000_123), ("1700000000123456", 1_700_000_000_123),
    ("1700000000123456789", 1_700_000_000_123), ("1.7e9", 1_700_000_000_000), ("1700000000.000", 1_700_000_000_000),
    ("99999999999", 1_795_219_500_000), (#""2023-11-14T22:13:20Z""#, 1_700_000_000_000),
    (#""2023-11-14t22:13:20.1239z""#, 1_700_000_000_123),
    (#""2023-11-15T00:13:20+02:00""#, 1_700_000_000_000), (#""2023-11-14T18:43:20.5-03:30""#, 1_700_000_000_500),
    (#""2016-12-31T23:59:60Z""#, 1_483_228_800_000), (#""2017-01-01T00:59:60+01:00""#, 1_483_228_800_000),
    (#""2024-02-29T00:00:00Z""#, 1_709_164_800_000), (#""2023\u002d11-14T22:13:20Z""#, 1_700_000_000_000),
  ])
  func timestampsAreIntegersOrRFC3339(json: String, milliseconds: Int64) {
    #expect(decode(#"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#).applied?.timeMilliseconds == milliseconds)
  }

  @Test(arguments: [#""yesterday""#, "true", "[]", "{}", #"["a"]"#, #"[2026,13,1]"#])
  func whatIsNoDateIsRefused(json: String) {
    #expect(decode(#"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#).reason == .badTimestamp)
  }

  @Test(arguments: [
    "9223372036854775808", "-9223372036854775809", "1e19", #""2023-02-29T00:00:00Z""#, #""2023-13-01T00:00:00Z""#,
    #""2023-11-14T24:00:00Z""#, #""2023-11-14T22:13:20.Z""#, #""2023-11-14T22:13:60Z""#, #""2023-11-14T22:13:20Zx""#, #""""#, #""N/A""#,
    #""12/03/2021""#, "20200705",
  ])
  func aDateThatCannotBeReadCostsNoEvent(json: String) {
    let event = #"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#
    let decoded = decode(event, timestamp: 1_600_000_000_000)
    #expect(decoded.applied?.timeMilliseconds == 1_600_000_000_000)
    #expect(decoded.clamped == .unreadableTimestamp)
    #expect(decode(event, { $0.onBadTimestamp = .reject }).reason == .badTimestamp)
  }

  @Test(arguments: [
    (#""2023-11-14T22:13:20""#, 1_700_000_000_000), (#""2023-11-14 22:13:20Z""#, 1_700_000_000_000),
    (#""2023-11-14T22:13:20+0000""#, 1_700_000_000_000), (#""1700000000""#, 1_700_000_000_000), (#""1700000000123""#, 1_700_000_000_123),
    ("1700000000.5", 1_700_000_000_500), ("1.5", 946_684_800_000), ("[2023,11,14,22,13]", 1_699_999_980_000),
    ("[2023, 11, 14, 22, 13, 20, 250000000]", 1_700_000_000_250), ("[2023,11,14]", 1_699_920_000_000),
    (#"{"$date":"2023-11-14T22:13:20Z"}"#, 1_700_000_000_000), (#"{"$date":1700000000000}"#, 1_700_000_000_000),
    (#"{"$date":{"$numberLong":"1700000000000"}}"#, 1_700_000_000_000), (#""Tue Nov 14 22:13:20 +0000 2023""#, 1_700_000_000_000),
  ])
  func timesOfOtherFormsAreRead(json: String, milliseconds: Int64) {
    let decoded = decode(#"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#)
    #expect(decoded.applied?.timeMilliseconds == milliseconds)
    #expect(decoded.clamped?.contains(.unreadableTimestamp) == false)
  }

  @Test func aPatternIsUsedForTextsAndDigits() {
    func time(_ json: String, _ format: String) -> Int64? {
      decode(#"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#, { $0.timestampFormat = format }).applied?.timeMilliseconds
    }
    #expect(time(#""29-01-2021 07:01""#, "dd-MM-yyyy HH:mm") == 1_611_903_660_000)
    #expect(time("20200705", "yyyyMMdd") == 1_593_907_200_000)
    #expect(time("18600", "days") == 1_607_040_000_000)
    #expect(time("1700000000.25", "seconds") == 1_700_000_000_250)
    let other = decode(
      #"{"user_id":"u","item_id":"i","timestamp":"2021-01-29"}"#,
      {
        $0.timestampFormat = "dd-MM-yyyy"
        $0.onBadTimestamp = .reject
      })
    #expect(other.reason == .badTimestamp, "with a pattern, nothing else is guessed")
  }

  @Test func timesAreClampedAndMarked() {
    func timed(_ json: String) -> DecodedRecord { decode(#"{"user_id":"u","item_id":"i","timestamp":\#(json)}"#) }
    #expect(timed("-1").applied?.timeMilliseconds == 946_684_800_000)
    #expect(timed("-1").clamped == .timestamp)
    #expect(timed("9223372036854775807").applied?.timeMilliseconds == testNow + 300_000)
    #expect(timed("-9223372036854775808").clamped == .timestamp)
    #expect(timed("\(testNow + 300_000)").clamped == [])
    #expect(timed("\(testNow + 300_001)").clamped == .timestamp)
    #expect(timed("946684800").clamped == [])
  }

  /// The bound is the record's own time: when the log is read again years later, the same events come out.
  @Test func aTimeIsBoundedByTheRecordsOwnTime() {
    let json = #"{"user_id":"u","item_id":"i","timestamp":1700000000000}"#
    #expect(decode(json, timestamp: 1_600_000_000_000).applied?.timeMilliseconds == 1_600_000_300_000)
    #expect(decode(json, timestamp: 1_600_000_000_000).clamped == .timestamp)
    #expect(decode(json, timestamp: nil).clamped == [], "nothing is known that it could be bounded by")
    #expect(decode(#"{"user_id":"u","item_id":"i","timestamp":9223372036854775807}"#, timestamp: .max).applied != nil)
  }

  @Test func anAbsentTimeIsTheRecordsThenTheFallback() {
    let json = #"{"user_id":"u","item_id":"i"}"#
    #expect(decode(json, timestamp: 1_600_000_000_000).applied?.timeMilliseconds == 1_600_000_000_000)
    #expect(decode(json, timestamp: nil).applied?.timeMilliseconds == testNow)
    #expect(decode(json, timestamp: 5).clamped == .timestamp)
    #expect(
      decode(#"{"user_id":"u","item_id":"i","timestamp":null}"#, timestamp: 1_600_000_000_000).applied?.timeMilliseconds
        == 1_600_000_000_000)
  }

  // MARK: Other fields

  @Test(arguments: [
    (#""session_id":5,"recommendation_id":[],"impression":"x","properties":7"#, nil), (#""impression":[1,"a",{}]"#, nil),
    (#""impression":[ ]"#, nil),
    (#""session_id":"\#(String(repeating: "s", count: 257))""#, RejectionReason.idTooLong),
    (#""impression":["\#(String(repeating: "s", count: 257))"]"#, .idTooLong),
    (#""impression":[\#(Array(repeating: "\"a\"", count: 101).joined(separator: ","))]"#, .tooLarge),
    (#""impression":[\#(Array(repeating: "\"a\"", count: 100).joined(separator: ","))]"#, nil), (#""event_id":"""#, .badID),
    (#""event_id":true"#, .badID),
    (#""event_id":"\#(String(repeating: "s", count: 257))""#, .idTooLong), (#""event_id":null"#, nil),
  ])
  func fieldsThatAreOnlyKeptAreHeldToTheirLimits(fields: String, reason: RejectionReason?) {
    let decoded = decode(#"{"user_id":"u","item_id":"i",\#(fields)}"#)
    #expect(decoded.reason == reason)
    #expect((decoded.applied == nil) == (reason != nil))
  }

  // MARK: Keys, tombstones, frames

  @Test func thePayloadWinsOverADifferentKey() {
    let json = #"{"user_id":"u","item_id":"i"}"#
    #expect(decode(json, key: "other").keyMismatch == true)
    #expect(decode(json, key: "other").applied?.user == [0x75])
    #expect(decode(json, key: "u").keyMismatch == false)
    #expect(decode(json).keyMismatch == false)
    #expect(decode(json, key: "").reason == .noKey)
    #expect(decode(#"{"user_id":42,"item_id":"i"}"#, key: "42").keyMismatch == false)
  }

  @Test func aTombstoneForgetsTheUserOfItsKey() {
    #expect(decode(bytes: nil, key: [0x75]) == .forget(user: [0x75]))
    #expect(decode(bytes: nil, key: nil).reason == .noKey)
    #expect(decode(bytes: nil, key: []).reason == .noKey)
    #expect(decode(bytes: nil, key: [0xFF]).reason == .badUTF8)
    #expect(decode(bytes: nil, key: [0x61, 0]).reason == .badID)
    #expect(decode(bytes: nil, key: [UInt8](repeating: 0x61, count: 257)).reason == .idTooLong)
  }

  @Test(arguments: [
    (#""u""#, "forget u"), (#"{"user_id":"u"}"#, "forget u"), (#"{"userId":17}"#, "forget 17"),
    (#"{"schema":{"type":"string","optional":false},"payload":"u"}"#, "forget u"),
    (#"{"schema":{"type":"struct"},"payload":{"user_id":"u"}}"#, "forget u"), ("{u}", "forget {u}"), (#""u"#, #"forget "u"#),
    ("17", "forget 17"), (#"{"id":7}"#, "rejected no_key"), (#"{"user_id":true}"#, "rejected bad_id"),
    (#"{"user_id":"u","item_id":"i"}"#, "u i 1.0 delete 1795219200000"),
  ])
  func theKeyOfATombstoneIsOpened(key: String, outcome: String) {
    #expect(lines(decode(bytes: nil, key: Array(key.utf8))) == [outcome])
  }

  @Test func theSettingOfTheKeyDecidesHowItIsOpened() {
    let object = Array(#"{"customer":{"no":"u"}}"#.utf8)
    #expect(lines(decode(bytes: nil, key: object, { $0.key = "json:customer.no" })) == ["forget u"])
    #expect(lines(decode(bytes: nil, key: object, { $0.key = "text" })) == [#"forget {"customer":{"no":"u"}}"#])
    #expect(decode(bytes: nil, key: [0x75], { $0.key = "json:customer.no" }).reason == .noKey)
  }

  @Test(arguments: [(#""u""#, false), (#"{"user_id":"u"}"#, false), (#"{"user_id":"v"}"#, true), (#""v""#, true), ("{u", true)])
  func aKeyInJSONThatNamesTheUserIsNoMismatch(key: String, isMismatch: Bool) {
    #expect(decode(#"{"user_id":"u","item_id":"i"}"#, key: key).keyMismatch == isMismatch)
  }

  @Test(arguments: [
    (#""op":"c""#, "add"), (#""op":"u""#, "set"), (#""op":"r""#, "set"), (#""op":"d""#, "delete"), (#""__op":"d""#, "delete"),
    (#""__deleted":"true""#, "delete"), (#""__deleted":true"#, "delete"), (#""__deleted":"false""#, "add"),
    (#""__op":"u","__deleted":false"#, "set"), (#""__op":"c","__deleted":"true""#, "delete"),
  ])
  func flagsAndCodesOfChangeCaptureAreOperations(fields: String, operation: String) {
    let decoded = decode(#"{"user_id":"u","item_id":"i",\#(fields)}"#)
    #expect(decoded.applied.map { "\($0.operation)" } == operation)
  }

  @Test func confluentFramesWithJSONNeedNoRegistry() {
    let json = Array(#"{"user_id":"u","item_id":"i"}"#.utf8)
    let guid: [UInt8] = [1] + Array(0..<16)
    #expect(decode(bytes: [0, 0, 0, 0, 9] + json).applied != nil)
    #expect(decode(bytes: guid + json).applied != nil)
    #expect(decode(bytes: [0, 0, 0]).reason == .badFrame)
    #expect(decode(bytes: [0, 0, 0, 0, 9]).reason == .badFrame)
    #expect(decode(bytes: Array(guid.dropLast())).reason == .badFrame)
    #expect(decode(bytes: [0, 0, 0, 0, 9, 2, 0x61]).reason == .unknownSchema)
    #expect(decode(bytes: guid + [2, 0x61]).reason == .unknownSchema)
    #expect(decode(bytes: [0, 0, 0, 0, 9] + json, { $0.format = .json }).reason == .badJSON)
  }
}
