import Foundation
import Testing

@testable import StreamingRecommender

/// Prints what one event costs; the bound only catches a decoder that has become slow by an order.
@Suite struct DecoderSpeedTests {
  /// A record of a container, read along paths.
  @Test func aMappedNestedRecordCostsBelowAMicrosecondInRelease() {
    let json =
      #"{"schema":null,"payload":{"op":"u","ts_ms":1700000000010,"source":{"table":"likes"},"before":null,"after":{"user_id":"user-123456","item_id":"item-98765","event_type":"view","created_at":1700000000000}}}"#
    var input = RecommenderConfiguration.Input()
    input.weights = ["view": 1, "purchase": 5]
    input.fields = [
      "user_id": "payload.after.user_id | payload.before.user_id", "item_id": "payload.after.item_id | payload.before.item_id",
      "event_type": "payload.after.event_type", "timestamp": "payload.after.created_at", "op": "payload.op",
    ]
    measure(json, InteractionDecoder(input), "mapped")
    input.fields = [:]
    input.preset = .debezium
    measure(json, InteractionDecoder(input), "debezium")
  }

  @Test func aPlainEventCostsFarBelowAMicrosecondInRelease() {
    let json =
      #"{"user_id":"user-123456","item_id":"item-98765","event_type":"view","event_value":1.0,"timestamp":1700000000000,"event_id":"e-1234567"}"#
    var input = RecommenderConfiguration.Input()
    input.weights = ["view": 1, "purchase": 5]
    measure(json, InteractionDecoder(input), "plain")
  }

  private func measure(_ json: String, _ decoder: InteractionDecoder, _ name: String) {
    let record = eventRecord(Array(json.utf8), key: Array("user-123456".utf8), timestamp: testNow)
    #if DEBUG
      let rounds = 2_000
    #else
      let rounds = 400_000
    #endif
    var best = Double.infinity
    var checksum = 0.0
    for _ in 0..<5 {
      let start = ContinuousClock.now
      for _ in 0..<rounds {
        if case .interaction(let interaction, _, _) = decoder.decode(record, fallbackMilliseconds: testNow) {
          checksum += Double(interaction.strength) + Double(interaction.user.count)
        }
      }
      best = min(best, (ContinuousClock.now - start) / .nanoseconds(1) / Double(rounds))
    }
    print("decoding \(name), \(json.utf8.count) bytes: \(Int(best)) ns (best of 5 x \(rounds)), checksum \(checksum)")
    #expect(checksum == Double(rounds) * 5 * 12)
  }
}
