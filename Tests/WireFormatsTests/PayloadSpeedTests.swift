import RecommenderTestKit
import StreamingRecommender
import Testing

@testable import WireFormats

/// Prints what one event costs in each format; the bound only catches a decoder that has become slow by an order.
@Suite struct PayloadSpeedTests {
  @Test func anEventOfAnotherFormatCostsAFewMicrosecondsAtMost() throws {
    for name in ["avro: event-v1.avsc", "protobuf: event-v1.proto", "json: JSON Schema"] {
      let message = fixture.message(name)
      let decoder = InteractionDecoder(try message.input(), payloads: try SchemaCache(source: FixtureRegistry()))
      measure(name, decoder, message.record(timestampMilliseconds: testNow))
    }
    let json =
      #"{"user_id":"u1","item_id":"i1","event_type":"purchase","event_value":2.5,"timestamp":1700000000123,"event_id":"e1","op":"set"}"#
    measure("plain JSON", InteractionDecoder(.init()), Record(offset: 0, timestampMilliseconds: testNow, key: nil, value: Array(json.utf8)))
  }

  private func measure(_ name: String, _ decoder: InteractionDecoder, _ record: Record) {
    #if DEBUG
      let (rounds, boundNanoseconds) = (2_000, 1e6)
    #else
      let (rounds, boundNanoseconds) = (200_000, 2e4)
    #endif
    _ = try? settled(decoder, record)
    var best = Double.infinity
    for _ in 0..<5 {
      let start = ContinuousClock.now
      var events = 0
      for _ in 0..<rounds { events += decoder.decode(record, fallbackMilliseconds: testNow).events.count }
      best = min(best, (ContinuousClock.now - start) / .nanoseconds(1) / Double(rounds))
      #expect(events == rounds)
    }
    print("decoding \(name), \(record.value?.count ?? 0) bytes: \(Int(best)) ns (best of 5 x \(rounds))")
    #expect(best < boundNanoseconds)
  }
}
