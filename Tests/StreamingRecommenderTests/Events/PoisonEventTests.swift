import Foundation
import StreamingRecommender
import Testing

private struct PoisonRecord: Decodable {
  var name: String
  var key: String?
  var value: String?
  var expect: String

  enum CodingKeys: String, CodingKey {
    case name, expect
    case key = "key_b64"
    case value = "value_b64"
  }
}

@Suite struct PoisonEventTests {
  @Test(.disabled(if: testData("poison-events.jsonl") == nil, "poison-events.jsonl not found: set FRESHET_TESTDATA to its folder"))
  func everyPoisonRecordGivesWhatItExpects() throws {
    let data = try #require(testData("poison-events.jsonl"))
    let records = try data.split(separator: 0x0A).map { try JSONDecoder().decode(PoisonRecord.self, from: $0) }
    #expect(records.count >= 50)
    var input = RecommenderConfiguration.Input()
    input.weights = ["view": 1, "interaction": 1]
    let small = InteractionDecoder(input)
    input.maxRecordBytes = 8 << 20
    let large = InteractionDecoder(input)
    for poison in records {
      func bytes(_ text: String?) throws -> [UInt8]? { try text.map { [UInt8](try #require(Data(base64Encoded: $0))) } }
      let record = eventRecord(try bytes(poison.value), key: try bytes(poison.key), timestamp: testNow)
      // These break the size limit as well; it is checked first.
      let decoder = ["id_1e6", "deep_nesting"].contains(poison.name) ? large : small
      // The window that tells a repeated event is not the decoder's.
      let expected = poison.name == "dup_event_b" ? "apply" : poison.expect
      #expect(decoder.decode(record, fallbackMilliseconds: testNow).outcome == expected, "\(poison.name)")
    }
  }
}
