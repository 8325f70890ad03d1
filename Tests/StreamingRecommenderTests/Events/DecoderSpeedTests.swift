import Foundation
import Testing

@testable import StreamingRecommender

/// Prints what one event costs; the bound only catches a decoder that has become slow by an order.
@Suite struct DecoderSpeedTests {
  @Test func aPlainEventCostsFarBelowAMicrosecondInRelease() {
    let json =
      #"{"user_id":"user-123456","item_id":"item-98765","event_type":"view","event_value":1.0,"timestamp":1700000000000,"event_id":"e-1234567"}"#
    var input = RecommenderConfiguration.Input()
    input.weights = ["view": 1, "purchase": 5]
    let decoder = InteractionDecoder(input)
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
    print("decoding \(json.utf8.count) bytes: \(Int(best)) ns (best of 5 x \(rounds)), checksum \(checksum)")
    #expect(checksum == Double(rounds) * 5 * 12)
  }
}
