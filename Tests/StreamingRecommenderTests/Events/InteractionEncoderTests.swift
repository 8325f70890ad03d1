import Foundation
import RecommenderTestKit
import Testing
import Timestamps

@testable import StreamingRecommender

@Suite struct InteractionEncoderTests {
  @Test func anEventIsWrittenInCanonicalOrder() {
    let json = InteractionEncoder.encode(
      user: Array("u".utf8), item: Array("i".utf8), operation: .set, value: 2, eventType: "view", timeMilliseconds: 1_700_000_000_000)
    let expected = #"{"user_id":"u","item_id":"i","op":"set","event_type":"view","event_value":2,"timestamp":1700000000000}"#
    #expect(String(decoding: json, as: UTF8.self) == expected)
  }

  @Test(arguments: ["u", "\"\\/\n\r\t\u{0001}\u{001F}", "😀é", "e\u{301}", "*?[x]", "\u{2028}"])
  func idsComeBackUnchanged(id: String) {
    let json = InteractionEncoder.encode(user: Array(id.utf8), item: Array(id.utf8), eventID: Array(id.utf8))
    let interaction = decode(bytes: json).applied
    #expect(interaction?.user == Array(id.utf8))
    #expect(interaction?.item == Array(id.utf8))
    #expect(interaction?.eventID == Array(id.utf8))
  }

  @Test(arguments: [0, 1, -1, 0.1, -2.5, 999_999, 1e-10, 123.456789] as [Double])
  func valuesComeBackUnchanged(value: Double) {
    let json = InteractionEncoder.encode(user: [0x75], item: [0x69], value: value)
    #expect(decode(bytes: json).applied?.strength == Float(value))
  }

  @Test(arguments: [946_684_800_000, 946_684_800_001, 1_700_000_000_123, 1_795_219_200_000] as [Int64])
  func timesComeBackUnchanged(time: Int64) {
    let json = InteractionEncoder.encode(user: [0x75], item: [0x69], timeMilliseconds: time)
    #expect(decode(bytes: json).applied?.timeMilliseconds == time)
  }

  @Test(arguments: [0, 99_999_999_999, -1, -62_167_219_200_000, 253_402_300_799_999] as [Int64])
  func timesThatWouldPassForAnotherUnitAreWrittenAsText(time: Int64) throws {
    let json = String(decoding: InteractionEncoder.encode(user: [0x75], item: [0x69], timeMilliseconds: time), as: UTF8.self)
    let text = try #require(json.split(separator: "\"timestamp\":\"").last?.split(separator: "\"").first)
    #expect(Array(text.utf8).withUnsafeBufferPointer(TimestampText.milliseconds(fromRFC3339:)) == time, "\(text)")
  }

  @Test func operationsComeBackUnchanged() {
    for operation in Interaction.Operation.allCases {
      #expect(decode(bytes: InteractionEncoder.encode(user: [0x75], item: [0x69], operation: operation)).applied?.operation == operation)
    }
  }

  @Test func wholeRandomEventsComeBackUnchanged() {
    let seed = UInt64.random(in: 0 ... .max)
    print("wholeRandomEventsComeBackUnchanged: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let expected = Interaction(
        user: randomID(&generator), item: randomID(&generator), strength: Float(Int.random(in: -1000...1000, using: &generator)) / 8,
        timeMilliseconds: Int64.random(in: 946_684_800_000...testNow, using: &generator),
        operation: Interaction.Operation.allCases.randomElement(using: &generator) ?? .add, eventID: randomID(&generator))
      let json = InteractionEncoder.encode(
        user: expected.user, item: expected.item, operation: expected.operation, value: Double(expected.strength), eventType: "x",
        timeMilliseconds: expected.timeMilliseconds, eventID: expected.eventID)
      #expect(decode(bytes: json).applied == expected, "seed \(seed)")
    }
  }
}

private func randomID(_ generator: inout SeededGenerator) -> [UInt8] {
  var text = ""
  for _ in 0..<Int.random(in: 1...40, using: &generator) {
    let ceiling: UInt32 = [0x7F, 0x7F, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &generator) ?? 0x7F
    if let scalar = Unicode.Scalar(UInt32.random(in: 1...ceiling, using: &generator)) { text.unicodeScalars.append(scalar) }
  }
  return text.isEmpty ? [0x61] : Array(text.utf8)
}
