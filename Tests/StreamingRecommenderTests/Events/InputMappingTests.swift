import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

/// The settings as a user writes them, checked as the configuration checks them.
func inputSettings(_ settings: [(String, String)]) throws -> RecommenderConfiguration.Input {
  try ConfigurationLoader.load(flags: settings.map { (key: "input.\($0.0)", value: $0.1) }, searchPaths: []).configuration.input
}

private func decode(_ json: String, _ settings: [(String, String)], key: String? = nil, headers: [RecordHeader] = []) throws
  -> DecodedRecord
{
  var record = eventRecord(Array(json.utf8), key: key.map { Array($0.utf8) }, timestamp: testNow)
  record.headers = headers
  return try InteractionDecoder(inputSettings(settings)).decode(record, fallbackMilliseconds: testNow)
}

@Suite struct InputMappingTests {
  private let now = "1795219200000"

  @Test func aFieldIsFoundWhereItsPathSays() throws {
    let settings = [
      ("fields.user_id", "order.customer.no"), ("fields.item_id", "order.article"), ("fields.event_type", "=purchase"),
      ("fields.event_value", "order.count"), ("fields.timestamp", "meta.at"), ("fields.event_id", "meta.id"), ("weights.purchase", "2"),
    ]
    let json = #"{"meta":{"at":"2023-11-14 22:13:20","id":9},"order":{"article":"a-1","count":"3","customer":{"no":17850}}}"#
    #expect(lines(try decode(json, settings)) == ["17850 a-1 6.0 add 1700000000000 9"])
  }

  @Test func theFirstCandidateWithAValueIsTaken() throws {
    let settings = [("fields.user_id", "user.id | anonymous | =nobody"), ("fields.item_id", "item")]
    #expect(lines(try decode(#"{"user":{"id":"a"},"anonymous":"b","item":"i"}"#, settings)) == ["a i 1.0 add \(now)"])
    #expect(lines(try decode(#"{"user":{"id":null},"anonymous":"b","item":"i"}"#, settings)) == ["b i 1.0 add \(now)"])
    #expect(lines(try decode(#"{"user":{"id":""},"anonymous":"b","item":"i"}"#, settings)) == ["b i 1.0 add \(now)"])
    #expect(lines(try decode(#"{"item":"i"}"#, settings)) == ["nobody i 1.0 add \(now)"])
  }

  @Test func keysHeadersAndTheRecordsTimeAreSources() throws {
    let settings = [
      ("fields.user_id", "@key"), ("fields.item_id", "@header.item"), ("fields.event_id", "@header.trace:json.id"),
      ("fields.timestamp", "@time | at"),
    ]
    let headers = [
      RecordHeader(name: "item", value: Array("i9".utf8)), RecordHeader(name: "trace", value: Array(#"{"id":"t1"}"#.utf8)),
    ]
    #expect(lines(try decode(#"{"at":5}"#, settings, key: "u", headers: headers)) == ["u i9 1.0 add \(now) t1"])
    let inKey = [("fields.user_id", "@key:json.who"), ("fields.item_id", "i")]
    #expect(lines(try decode(#"{"i":1}"#, inKey, key: #"{"who":"u2"}"#)) == ["u2 1 1.0 add \(now)"])
    #expect(lines(try decode(#"{"i":1}"#, inKey, key: "plain")) == ["rejected missing_user_id"])
  }

  @Test func namesMatchWhateverTheirCaseAndSeparators() throws {
    let settings = [("fields.user_id", "customerNumber"), ("fields.item_id", "'item_code'")]
    for name in ["customerNumber", "customer_number", "CUSTOMER_NUMBER", "customer-number", "customernumber"] {
      #expect(lines(try decode(#"{"\#(name)":"u","item_code":"i"}"#, settings)) == ["u i 1.0 add \(now)"], "\(name)")
    }
    #expect(lines(try decode(#"{"_customerNumber":"u","item_code":"i"}"#, settings)) == ["rejected missing_user_id"])
    #expect(
      lines(try decode(#"{"customerNumber":"u","itemCode":"i"}"#, settings)) == ["rejected missing_item_id"], "a quoted name is exact")
    #expect(lines(try decode(#"{"customerNumber":"u","customer_number":"v","item_code":"i"}"#, settings)) == ["rejected duplicate_field"])
    let dotted = [("fields.user_id", "'a.b'.\"c[0]\""), ("fields.item_id", "i")]
    #expect(lines(try decode(#"{"a.b":{"c[0]":"u"},"i":"x"}"#, dotted)) == ["u x 1.0 add \(now)"])
  }

  // MARK: Several events

  @Test func anArrayMakesSeveralEvents() throws {
    let settings = [
      ("fields.user_id", "customer"), ("fields.item_id", "lines[].sku"), ("fields.event_value", "lines[].quantity"),
      ("fields.event_id", "order"),
      ("fields.timestamp", "lines[].at | at"),
    ]
    let json =
      #"{"lines":[{"sku":"a","quantity":2},{"quantity":3,"sku":7,"at":1700000001}],"at":1700000000,"order":"o1","customer":"u"}"#
    #expect(lines(try decode(json, settings)) == ["u a 2.0 add 1700000000000 o1#0", "u 7 3.0 add 1700000001000 o1#1"])
    #expect(lines(try decode(#"{"lines":[],"customer":"u"}"#, settings)) == ["rejected missing_item_id"])
    #expect(lines(try decode(#"{"customer":"u"}"#, settings)) == ["rejected missing_item_id"])
  }

  @Test func arraysInArraysMakeEventsWithTheFieldsOfBoth() throws {
    let settings = [
      ("fields.user_id", "playlists[].pid"), ("fields.item_id", "playlists[].tracks[].uri"), ("fields.timestamp", "playlists[].modified"),
      ("fields.event_id", "playlists[].tracks[].n"),
    ]
    let json =
      #"{"playlists":[{"tracks":[{"uri":"a","n":1},{"uri":"b","n":2}],"pid":10,"modified":1700000000},{"pid":11,"tracks":[]},{"pid":12,"tracks":[{"uri":"c","n":3}]}]}"#
    #expect(
      lines(try decode(json, settings)) == ["10 a 1.0 add 1700000000000 1", "10 b 1.0 add 1700000000000 2", "12 c 1.0 add \(now) 3"])
  }

  @Test func aRecordMayBeAnArray() throws {
    let settings = [("fields.user_id", "[].u"), ("fields.item_id", "[].i")]
    #expect(lines(try decode(#"[{"u":"a","i":"x"},{"u":"b","i":"y"}]"#, settings)) == ["a x 1.0 add \(now)", "b y 1.0 add \(now)"])
    #expect(lines(try decode(#"{"u":"a"}"#, settings)) == ["rejected missing_user_id"])
    #expect(lines(try decode(#"[]"#, settings)) == ["rejected missing_user_id"])
  }

  @Test func oneBadElementRejectsTheRecordAndIsNamed() throws {
    let settings = [("fields.user_id", "u"), ("fields.item_id", "items[].id"), ("fields.event_value", "items[].n")]
    let bad = try decode(#"{"u":"a","items":[{"id":"x"},{"id":"y","n":"many"},{"id":"z"}]}"#, settings)
    guard case .failure(let failure) = bad else {
      Issue.record("\(bad)")
      return
    }
    #expect(failure.reason == .badValue)
    #expect(failure.message.hasPrefix("event 1 of the record: "), "\(failure.message)")
    let absent = try decode(#"{"u":"a","items":[{"id":"x"},{"id":null}]}"#, settings)
    #expect(absent.reason == .missingItemID)
  }

  @Test func theNumberOfEventsIsLimited() throws {
    let settings = [("fields.user_id", "u"), ("fields.item_id", "items[]"), ("max_events_per_record", "3")]
    #expect(lines(try decode(#"{"u":"a","items":[1,2,3]}"#, settings)).count == 3)
    #expect(try decode(#"{"u":"a","items":[1,2,3,4]}"#, settings).reason == .tooLarge)
  }

  @Test func aThousandEventsAreReadInOnePass() throws {
    let items = (0..<1000).map { #"{"id":\#($0),"n":\#($0 % 3)}"# }.joined(separator: ",")
    let settings = [
      ("fields.user_id", "u"), ("fields.item_id", "items[].id | items[].code"), ("fields.event_value", "items[].n"),
      ("fields.event_id", "items[].key | id"),
    ]
    let events = try decode(#"{"u":"a","id":"r","items":[\#(items)]}"#, settings).events
    #expect(events.count == 1000)
    #expect(events[999].interaction.item == Array("999".utf8) && events[998].interaction.strength == 2)
    #expect(events[10].interaction.eventID == Array("r#10".utf8))
  }

  @Test func anElementCanBeTakenByItsNumber() throws {
    let settings = [("fields.user_id", "ids[1]"), ("fields.item_id", "ids[0]")]
    #expect(lines(try decode(#"{"ids":["i","u","x"]}"#, settings)) == ["u i 1.0 add \(now)"])
  }

  // MARK: JSON in texts

  @Test func aTextIsOpenedWhereThePathSaysSo() throws {
    let settings = [("fields.user_id", "u"), ("fields.item_id", "properties:json.item | item")]
    #expect(lines(try decode(#"{"u":1,"properties":"{\"item\":\"a\\u00e9\"}"}"#, settings)) == ["1 aé 1.0 add \(now)"])
    #expect(lines(try decode(#"{"u":1,"properties":{"item":"a"}}"#, settings)) == ["1 a 1.0 add \(now)"], "it may be JSON already")
    #expect(lines(try decode(#"{"u":1,"item":"b","properties":"red, large"}"#, settings)) == ["1 b 1.0 add \(now)"])
    #expect(try decode(#"{"u":1,"item":"b","properties":"{\"item\":"}"#, settings).reason == .badJSON)
    let twice = [("fields.user_id", "u"), ("fields.item_id", "a:json.b:json.c")]
    #expect(lines(try decode(#"{"u":1,"a":"{\"b\":\"{\\\"c\\\":5}\"}"}"#, twice)) == ["1 5 1.0 add \(now)"])
    let encoded = [("fields.user_id", "u"), ("fields.item_id", "d:base64.i")]
    #expect(lines(try decode(#"{"u":1,"d":"eyJpIjoieCJ9"}"#, encoded)) == ["1 x 1.0 add \(now)"])
    #expect(try decode(#"{"u":1,"d":"!!"}"#, encoded).reason == .badJSON)
  }

  @Test func openedTextsCountTowardTheDepth() throws {
    let deep = String(repeating: "[", count: 14) + String(repeating: "]", count: 14)
    let settings = [("fields.user_id", "u"), ("fields.item_id", "p:json.i")]
    #expect(lines(try decode(#"{"u":1,"p":"{\"i\":1,\"x\":\#(deep)}"}"#, settings)) == ["1 1 1.0 add \(now)"])
    #expect(try decode(#"{"u":1,"p":"{\"i\":1,\"x\":[\#(deep)]}"}"#, settings).reason == .tooDeep)
  }

  // MARK: Kinds of records

  @Test func aRuleIgnoresWhatIsNoInteraction() throws {
    let settings = [
      ("fields.user_id", "user"), ("fields.item_id", "item"), ("ignore", "event != interaction|click,test = true"),
    ]
    #expect(lines(try decode(#"{"event":"interaction","user":1,"item":2}"#, settings)) == ["1 2 1.0 add \(now)"])
    #expect(lines(try decode(#"{"event":"click","user":1,"item":2}"#, settings)) == ["1 2 1.0 add \(now)"])
    #expect(lines(try decode(#"{"user":1,"item":2}"#, settings)) == ["1 2 1.0 add \(now)"], "an absent field matches no rule")
    #expect(lines(try decode(#"{"event":"ranking"}"#, settings)) == ["ignored ignore_rule"])
    #expect(lines(try decode(#"{"event":"click","user":1,"item":2,"test":true}"#, settings)) == ["ignored ignore_rule"])
    #expect(try decode(#"{"event":"ranking""#, settings).reason == .badJSON, "it must be a record all the same")
  }

  @Test func elementsThatAreIgnoredAreCountedOneByOne() throws {
    let settings = [("fields.user_id", "u"), ("fields.item_id", "e[].i"), ("fields.event_type", "e[].t"), ("types.search", "ignore")]
    let decoded = try decode(#"{"u":1,"e":[{"i":"a","t":"view"},{"t":"search"},{"t":"search"}]}"#, settings)
    guard case .interactions(let events, let ignored) = decoded else {
      Issue.record("\(decoded)")
      return
    }
    #expect(events.count == 1)
    #expect(ignored == [.ignoreRule: 2])
    #expect(lines(try decode(#"{"u":1,"e":[{"t":"search"}]}"#, settings)) == ["ignored ignore_rule"])
    #expect(lines(try decode(#"{"u":1,"e":[{"t":"search"},{"t":"search"}]}"#, settings)) == [])
  }

  @Test(arguments: [
    ("view", "u i 1.0 add"), ("like", "u i 2.5 add"), ("unlike", "u i 1.0 delete"), ("rating", "u i 3.0 set"),
    ("search", "ignored ignore_rule"),
    ("other", "ignored unknown_type"),
  ])
  func aTypeHasAWeightAndAnOperation(type: String, outcome: String) throws {
    let settings = [
      ("types.like", "2.5"), ("types.unlike", "delete"), ("types.rating.weight", "3"), ("types.rating.op", "set"),
      ("types.search", "ignore"),
      ("weights.view", "1"),
    ]
    let plain = lines(try decode(#"{"user_id":"u","item_id":"i","event_type":"\#(type)"}"#, settings))[0]
    #expect(plain == outcome || plain == outcome + " \(now)")
    let mapped = lines(
      try decode(
        #"{"u":"u","i":"i","t":"\#(type)"}"#, settings + [("fields.user_id", "u"), ("fields.item_id", "i"), ("fields.event_type", "t")]))[0]
    #expect(mapped == plain)
  }

  @Test func typesWithoutAWeightLeaveOthersAsTheyAre() throws {
    let settings = [("types.unlike", "delete")]
    #expect(lines(try decode(#"{"user_id":"u","item_id":"i","event_type":"view"}"#, settings)) == ["u i 1.0 add \(now)"])
  }

  @Test func codesOfOperationsCanBeAdded() throws {
    let settings = [("ops.INSERT", "add"), ("ops.REMOVE", "delete"), ("ops.r", "ignore")]
    func outcome(_ op: String) throws -> String { lines(try decode(#"{"user_id":"u","item_id":"i","op":"\#(op)"}"#, settings))[0] }
    #expect(try outcome("INSERT") == "u i 1.0 add \(now)")
    #expect(try outcome("REMOVE") == "u i 1.0 delete \(now)")
    #expect(try outcome("r") == "ignored ignore_rule")
    #expect(try outcome("x") == "rejected bad_value")
  }

  @Test(arguments: [
    ("true", "delete"), ("1", "delete"), (#""Y""#, "delete"), (#""2023-11-14T22:13:20Z""#, "delete"), ("false", "add"), ("0", "add"),
    (#""""#, "add"), ("null", "add"),
  ])
  func aFlagDeletes(json: String, operation: String) throws {
    let settings = [("fields.deleted", "deleted_at")]
    let decoded = try decode(#"{"user_id":"u","item_id":"i","deleted_at":\#(json)}"#, settings)
    #expect(lines(decoded) == ["u i 1.0 \(operation) \(now)"])
    #expect(try decode(#"{"user_id":"u","item_id":"i","deleted_at":"perhaps"}"#, settings).reason == .badValue)
  }

  // MARK: Settings

  @Test(arguments: [
    ("fields.userid", "x", "did you mean user_id?"), ("fields.user_id", "", "a candidate is empty"), ("fields.user_id", "a..b", "dot"),
    ("fields.user_id", "a[x]", "[x] is neither"), ("fields.user_id", "a[", "not closed"),
    ("fields.user_id", "a[].b[].c[]", "more than 2 []"),
    ("fields.user_id", "@keys", "@key, @header.NAME"), ("fields.user_id", "a:xml", ":xml is unknown"),
    ("fields.user_id", "a|b|c|d|e|f|g|h|i", "at most 8"), ("ignore", "event", "is not a rule"), ("ignore", "=x", "is not a rule"),
    ("types.view", "much", "a weight, ignore"), ("types.view.op", "2", "ignore, add"), ("types.view.weight", "add", "finite number"),
    ("ops.I", "insert", "add, once, set, delete, merge or ignore"), ("timestamp_format", "dd-MM", "needs a year"),
    ("key", "jsn", "json:PATH"),
    ("key", "json:a[].b", "names one user"), ("preset", "personalise", "did you mean personalize?"),
  ])
  func aSettingThatCannotWorkIsRefusedWithTheReason(key: String, value: String, reason: String) {
    #expect {
      try inputSettings([(key, value)])
    } throws: {
      "\($0)".contains(reason)
    }
  }

  @Test func candidatesMayBeAListInAFile() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("input-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: path) }
    let file =
      #"{"input":{"fields":{"user_id":["a.id","b"],"item_id":"i"},"types":{"unlike":{"op":"delete","weight":1},"view":2},"ignore":["k != x|y"]}}"#
    try Data(file.utf8).write(to: path)
    let input = try ConfigurationLoader.load(file: path.path).configuration.input
    #expect(input.fields == ["user_id": "a.id | b", "item_id": "i"])
    #expect(input.types == ["unlike.op": "delete", "unlike.weight": "1", "view": "2"])
    #expect(input.ignore == ["k != x|y"])
  }
}
