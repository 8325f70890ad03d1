import RecommenderTestKit
import StreamingRecommender
import Testing

@testable import WireFormats

/// Records of other clients, changed at random: each ends as events or as a reason, soon and without a crash.
@Suite struct PayloadFuzzTests {
  #if DEBUG
    private static let rounds = 300
  #else
    private static let rounds = 20_000
  #endif

  @Test(arguments: [UInt64.random(in: 0...(.max))]) func changedPayloadsEndAsEventsOrReasons(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let cache = try SchemaCache(source: FixtureRegistry())
    for message in fixture.records {
      let decoder = InteractionDecoder(try message.input(), payloads: cache)
      let record = message.record(timestampMilliseconds: testNow)
      guard let value = record.value else { continue }
      // The frame stays, so that the schema is the same.
      let frame = record.headers.isEmpty ? (value[0] == 1 ? 17 : 5) : 0
      var outcomes: [String: Int] = [:]
      for _ in 0..<Self.rounds {
        var changed = record
        changed.value = Self.changed(value, from: frame, &generator)
        let decoded = try settled(decoder, changed)
        switch decoded {
        case .failure(let failure):
          #expect(!failure.message.isEmpty)
          outcomes[failure.reason.rawValue, default: 0] += 1
        default: outcomes["other", default: 0] += 1
        }
        for event in decoded.events { #expect(event.interaction.strength.isFinite && !event.interaction.user.isEmpty) }
      }
      #expect(outcomes.values.reduce(0, +) == Self.rounds, "\(message.name), seed \(seed): \(outcomes)")
    }
  }

  /// What comes out is JSON whatever goes in.
  @Test(arguments: [UInt64.random(in: 0...(.max))]) func whatIsReadIsJSON(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for message in fixture.records where !message.name.hasPrefix("json") {
      let record = message.record(timestampMilliseconds: testNow)
      guard let value = record.value, record.headers.isEmpty, value[0] == 0,
        let schema = fixture.schema(.id(UInt32(value[3]) << 8 | UInt32(value[4])))
      else { continue }
      let compiled = try PayloadSchema(FixtureRegistry.text(schema))
      for _ in 0..<Self.rounds {
        let payload = Self.changed(Array(value[5...]), from: 0, &generator)
        let decoded = payload.withUnsafeBufferPointer {
          compiled.decode(SchemaPayload(schema: .id(1), bytes: $0, indexes: .inPayload), PayloadLimits(depthMax: 8, recordBytesMax: 4096))
        }
        guard case .json(let json) = decoded else { continue }
        // A decoder that finds anything but a missing field, a bad value or an event would have met bad JSON.
        let outcome = InteractionDecoder(.init()).decode(
          Record(offset: 0, timestampMilliseconds: testNow, key: nil, value: json), fallbackMilliseconds: testNow)
        if case .failure(let failure) = outcome {
          #expect(
            failure.reason != .badJSON,
            "\(message.name), seed \(seed): \(failure.message) in \(String(decoding: json.prefix(300), as: UTF8.self))")
        }
      }
    }
  }

  @Test(arguments: [UInt64.random(in: 0...(.max))]) func changedSchemasAreReadOrRefused(seed: UInt64) {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for schema in fixture.schemas {
      let text = FixtureRegistry.text(schema)
      for _ in 0..<Self.rounds / 10 {
        var changed = text
        changed.text = String(decoding: Self.changed(Array(text.text.utf8), from: 0, &generator), as: UTF8.self)
        guard let compiled = try? PayloadSchema(changed) else { continue }
        let bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes.withUnsafeBufferPointer { _ = compiled.decode(SchemaPayload(schema: .id(1), bytes: $0, indexes: .inPayload), limits) }
      }
    }
  }

  private static func changed(_ bytes: [UInt8], from start: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      guard bytes.count > start else { break }
      let at = Int.random(in: start..<bytes.count, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], at: at)
      case 4: bytes.insert(contentsOf: Array(bytes[at...].prefix(20)), at: at)
      default: bytes.remove(at: at)
      }
    }
    return bytes.isEmpty ? [0x02] : bytes
  }
}
