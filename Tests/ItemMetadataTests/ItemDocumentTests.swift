import Foundation
import ItemMetadata
import Telemetry
import Testing

@Suite struct ItemDocumentTests {
  /// Every line of the golden file has the outcome that it names, and what is kept can be read again.
  @Test func theGoldenFileHolds() throws {
    let rows = try examples("item-golden.jsonl")
    #expect(rows.count > 40)
    for row in rows {
      let name = row["name"]?.string ?? "?"
      let value = try #require(row["value"]?.string)
      do throws(DocumentFault) {
        let document = try ItemDocument(Array(value.utf8))
        #expect(row["outcome"] == "keep", "\(name) was kept")
        #expect(Array(document.bytes) == row["canonical"]?.string.map { Array($0.utf8) }, "\(name): \(document.json.text)")
        #expect(try ItemDocument(document.bytes) == document, "\(name) cannot be read again")
      } catch {
        #expect(row["outcome"]?.string == "reject:\(error.reason.rawValue)", "\(name): \(error)")
        #expect(row["field"]?.string == error.field, "\(name): \(error)")
        if let field = error.field { #expect(error.message.contains(field), "\(name): \(error)") }
      }
    }
  }

  @Test func theExamplesAreRead() throws {
    #expect(try ItemDocument(example("item-minimal.json")) == ItemDocument(itemID: "22086"))
    let full = try ItemDocument(example("item-full.json"))
    #expect(full.title == "Red woolly hottie, white heart" && full.categories == ["home", "gift"] && full.tags == ["red", "winter"])
    #expect(full.availableUntil == 1_803_855_600_000)
    #expect(full.properties.map(\.key) == ["brand", "on_sale", "price", "sizes", "stock", "supplier"])
    let flat = try ItemDocument(example("item-flat.json"))
    #expect(flat.properties.map(\.key) == ["brand", "category_id", "price"] && flat.availableUntil == 1_803_859_200_000)
  }

  @Test func bytesThatAreNotUTF8AreRefused() throws {
    #expect(throws: DocumentFault.self) { try ItemDocument(Array(#"{"item_id":""#.utf8) + [0xC3] + Array(#""}"#.utf8)) }
  }

  @Test func sizeIsBoundedBeforeAndAfterReading() throws {
    let padding = String(repeating: " ", count: ItemDocument.bytesMax - 15)
    #expect(try document(#"{"item_id":"A"}"# + padding).itemID == "A")
    #expect { try document(#"{"item_id":"A"}"# + padding + " ") } throws: { ($0 as? DocumentFault)?.reason == .tooLarge }
    // 11,000 escapes of U+007F have 22,000 bytes less when they arrive unescaped.
    let grows = #"{"item_id":"A","x":""# + String(repeating: "\u{7F}", count: 11_000) + "\"}"
    #expect { try document(grows) } throws: { ($0 as? DocumentFault)?.field == "properties" }
    let words = (0..<100).map { "\"\($0)\(String(repeating: "x", count: 250))\"" }.joined(separator: ",")
    #expect {
      try document("{\"item_id\":\"A\",\"categories\":[\(words)],\"tags\":[\(words)],\"x\":\"\(String(repeating: "y", count: 16_000))\"}")
    } throws: { ($0 as? DocumentFault)?.reason == .tooLarge && ($0 as? DocumentFault)?.field == nil }
  }

  /// Any cut of a document is refused, and none reads past the end.
  @Test func everyTruncatedDocumentIsRefused() throws {
    let whole = try ItemDocument(example("item-full.json")).bytes
    for length in 0..<whole.count { #expect(throws: DocumentFault.self) { try ItemDocument(Array(whole[..<length])) } }
  }

  @Test func theHashIsThatOfTheContent() throws {
    let (one, same, other) = (
      try document(#"{"item_id":"A","price":1.0,"tags":["x"]}"#), try document(#"{"tags":"x","properties":{"price":1},"item_id":"A"}"#),
      try document(#"{"item_id":"A","price":2,"tags":["x"]}"#)
    )
    #expect(one.contentHash == same.contentHash && one.contentHash != other.contentHash && one == same && one != other)
  }

  /// Documents with random damage are refused, or read as something that can be written and read again.
  @Test(arguments: 0..<4 as Range<UInt64>) func damagedDocumentsDoNoHarm(seed: UInt64) throws {
    var numbers = Numbers(seed)
    let whole = try ItemDocument(example("item-full.json")).bytes
    let pieces =
      [#"\u"#, #"\ud83d"#, "\"", "{", "}", "[", "]", ":", ",", "\\", "null", "1e9", "-", "\u{0}", "é"].map { Array($0.utf8) } + [
        [0xC3], [0xFF],
      ]
    var kept = 0
    for _ in 0..<500 {
      var bytes = whole
      for _ in 0...numbers.next(below: 3) {
        let place = numbers.next(below: bytes.count)
        let end = min(bytes.count, place + numbers.next(below: 3))
        bytes.replaceSubrange(place..<end, with: pieces[numbers.next(below: pieces.count)])
      }
      guard let document = try? ItemDocument(bytes) else { continue }
      kept += 1
      #expect(try ItemDocument(document.bytes) == document, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(kept > 10)
  }

  @Test func availabilityFollowsTheWindow() throws {
    let item = try ItemDocument(itemID: "A", availableFrom: now, availableUntil: now + day)
    #expect(!item.isAvailable(at: now - 1) && item.isAvailable(at: now) && item.isAvailable(at: now + day - 1))
    #expect(!item.isAvailable(at: now + day))
    #expect(item.nextChange(after: now - 1) == now && item.nextChange(after: now) == now + day)
    #expect(item.nextChange(after: now + day) == nil)
    let hidden = try ItemDocument(itemID: "A", isHidden: true, availableFrom: now, availableUntil: now + day)
    #expect(!hidden.isAvailable(at: now) && hidden.nextChange(after: now - 1) == nil)
    let reversed = try ItemDocument(itemID: "A", availableFrom: now + day, availableUntil: now)
    #expect(!reversed.isAvailable(at: now) && !reversed.isAvailable(at: now + day) && reversed.nextChange(after: 0) == nil)
    let open = try ItemDocument(itemID: "A")
    #expect(open.isAvailable(at: .min) && open.isAvailable(at: .max) && open.nextChange(after: 0) == nil)
  }
}

@Suite struct MergePatchTests {
  /// The examples of RFC 7396, appendix A.
  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"), (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ])
  func patchesFollowTheStandard(value: String, patch: String, expected: String) throws {
    let merged = try JSONReader.value(Array(value.utf8)).merging(patch: JSONReader.value(Array(patch.utf8)))
    #expect(merged.text == expected)
  }

  static let before =
    #"{"item_id":"A","title":"T","categories":["home"],"hidden":true,"available_until":"2026-01-31","price":4,"size":{"w":1,"h":2}}"#

  @Test(arguments: [
    (#"{"hidden":false}"#, #"{"hidden":false}"#), (#"{"hidden":null}"#, #"{"hidden":false}"#), ("{}", "{}"),
    (#"{"title":null,"item_id":"A"}"#, #"{"title":null}"#), (#"{"expires_at":null}"#, #"{"available_until":null}"#),
    (#"{"expires_at":1769848200}"#, #"{"available_until":"2026-01-31T08:30:00Z"}"#),
    (#"{"price":5}"#, #"{"properties":{"price":5}}"#), (#"{"price":null}"#, #"{"properties":{"price":null}}"#),
    (#"{"size":{"w":null,"d":3}}"#, #"{"properties":{"size":{"h":2,"d":3,"w":null}}}"#),
    (#"{"properties":null}"#, #"{"properties":{"price":null,"size":null}}"#),
  ])
  func aDocumentIsPatchedFieldByField(patch: String, same: String) throws {
    let before = try document(Self.before)
    let after = try before.merging(patch: Array(patch.utf8))
    #expect(after == (try before.merging(patch: Array(same.utf8))))
    #expect((after == before) == (patch == "{}"))
    #expect(after.categories == ["home"])
  }

  @Test(
    arguments: [
      (#"{"item_id":"B"}"#, .badValue), (#"{"item_id":null}"#, .missingField), ("[]", .notObject), (#"{"tags":[""]}"#, .badValue),
      (#"{"price":1,"properties":{"price":1}}"#, .duplicateField), (#"{"price":1,"properties":null}"#, .badValue),
      (#"{"properties":3}"#, .badValue), ("", .empty),
    ] as [(String, DocumentFault.Reason)])
  func aPatchThatCannotBeAppliedIsRefused(patch: String, reason: DocumentFault.Reason) throws {
    let before = try document(Self.before)
    #expect { try before.merging(patch: Array(patch.utf8)) } throws: { ($0 as? DocumentFault)?.reason == reason }
  }

  @Test func aPatchCannotPassTheLimits() throws {
    let large = "\"" + String(repeating: "x", count: 20_000) + "\""
    let before = try document("{\"item_id\":\"A\",\"a\":\(large)}")
    #expect { try before.merging(patch: Array("{\"b\":\(large)}".utf8)) } throws: { ($0 as? DocumentFault)?.field == "properties" }
  }
}
