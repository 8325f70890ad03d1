import RecommenderTestKit
import Foundation
import Testing

@testable import StreamingRecommender

/// A fresh seed every run, printed; `FRESHET_SEED` repeats one.
private func fuzzSeed(_ name: String) -> UInt64 {
  let seed = ProcessInfo.processInfo.environment["FRESHET_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)
  print("\(name): seed \(seed)")
  return seed
}

@Suite struct DecoderFuzzTests {
  private let seeds = [
    #"{"user_id":"u1","item_id":"i1","event_type":"view","event_value":1.5,"timestamp":1700000000000,"event_id":"e1","op":"add"}"#,
    #"{"user_id":"\ud83d\ude00é","item_id":7,"timestamp":"2023-11-14T22:13:20.5+01:00","properties":{"a":[1,{"b":null}]},"x":[[],{}]}"#,
    #"{"visitorId":"v","userInfo":{"userId":"w"},"productDetails":[{"product":{"id":"p"},"quantity":2}],"eventTime":1700000000}"#,
    #"{"UserId":"u","ItemId":"i","Value":-1e-3,"impression":["a","b"],"session_id":"s","recommendation_id":"r"}"#,
  ]

  @Test func noMutationOfAnEventStopsTheDecoder() {
    let seed = fuzzSeed("noMutationOfAnEventStopsTheDecoder")
    var generator = SeededGenerator(seed: seed)
    let decoder = InteractionDecoder(RecommenderConfiguration.Input())
    var outcomes: [String: Int] = [:]
    for _ in 0..<30_000 {
      let bytes = mutated(seeds.randomElement(using: &generator) ?? "", times: 1...4, &generator)
      let decoded = decoder.decode(eventRecord(bytes), fallbackMilliseconds: testNow)
      outcomes[decoded.outcome, default: 0] += 1
      if let interaction = decoded.applied {
        #expect(interaction.strength.isFinite && !interaction.user.isEmpty && !interaction.item.isEmpty, "seed \(seed)")
        #expect(String(validating: interaction.user, as: UTF8.self) != nil, "seed \(seed)")
        // What the decoder takes for JSON, others must take for JSON.
        // (Except numbers beyond a double in fields that nobody reads, which Foundation refuses.)
        let data = Data(bytes.first == 0 || bytes.first == 1 ? [] : bytes)
        if String(decoding: bytes, as: UTF8.self).contains(/[eE]\+?[0-9]{3}/) { continue }
        if !data.isEmpty {
          #expect((try? JSONSerialization.jsonObject(with: data)) != nil, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
      }
    }
    #expect(outcomes.count > 4)
  }

  /// What the single pass accepts, the reader along paths must take for the same event; and both must see the same faults of JSON.
  @Test func theMappedReaderAgreesWithTheSinglePass() throws {
    let seed = fuzzSeed("theMappedReaderAgreesWithTheSinglePass")
    var generator = SeededGenerator(seed: seed)
    let plain = InteractionDecoder(RecommenderConfiguration.Input())
    var input = RecommenderConfiguration.Input()
    // A rule that matches nothing makes the mapped reader read the same fields.
    input.ignore = ["no-such-field = x"]
    let mapped = InteractionDecoder(input)
    let syntax: [RejectionReason] = [.badJSON, .badUTF8, .tooDeep, .notObject]
    var agreed = 0
    for _ in 0..<20_000 {
      let bytes = mutated(seeds.randomElement(using: &generator) ?? "", &generator)
      let one = plain.decode(eventRecord(bytes, timestamp: testNow), fallbackMilliseconds: testNow)
      let other = mapped.decode(eventRecord(bytes, timestamp: testNow), fallbackMilliseconds: testNow)
      // Paths match names with other separators as well.
      let hasOtherNames = String(decoding: bytes, as: UTF8.self).contains(/"[^"]*(-|__)[^"]*"\s*:/)
      if one.applied != nil, !hasOtherNames {
        #expect(one == other, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        agreed += 1
      }
      if let reason = one.reason, syntax.contains(reason) {
        #expect(other.reason == reason, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
      }
    }
    #expect(agreed > 1000)
  }

  @Test func noMutationOfAMappedRecordStopsTheDecoder() throws {
    let seed = fuzzSeed("noMutationOfAMappedRecordStopsTheDecoder")
    var generator = SeededGenerator(seed: seed)
    var decoders = RecommenderConfiguration.Input.Preset.allCases.map { preset in
      var input = RecommenderConfiguration.Input()
      input.preset = preset
      return InteractionDecoder(input)
    }
    var input = RecommenderConfiguration.Input()
    input.fields = [
      "user_id": "@key:json.u | a[].u | [].u", "item_id": "a[].b:json[].i | a[].b[0] | [].i | d:base64.i", "timestamp": "a[].t | @header.t",
      "event_type": "@header.h:json.x", "deleted": "a[].d",
    ]
    input.ignore = ["a[].k = x", "k != y"]
    decoders.append(InteractionDecoder(input))
    let records =
      InputSample.all.flatMap(\.records).map { String(decoding: $0.value ?? [], as: UTF8.self) } + [
        #"{"a":[{"u":1,"b":"[{\"i\":1},{\"i\":\"2\"}]","t":[2026,1,2],"d":false,"k":"z"},{"b":["x"],"t":{"$date":5}}],"d":"eyJpIjoxfQ=="}"#,
        #"[{"u":1,"i":"x"},{"u":2,"i":3}]"#,
      ]
    let headers = [
      RecordHeader(name: "t", value: Array("2026-01-02".utf8)), RecordHeader(name: "h", value: Array(#"{"x":"view"}"#.utf8)),
      RecordHeader(name: "content-type", value: Array("application/cloudevents+json".utf8)),
    ]
    var applied = 0
    for round in 0..<30_000 {
      let bytes = mutated(records.randomElement(using: &generator) ?? "", &generator)
      let key = round % 3 == 0 ? bytes : Array(#"{"u":"k"}"#.utf8)
      var record = eventRecord(round % 11 == 0 ? nil : bytes, key: key, timestamp: testNow)
      if round % 2 == 0 { record.headers = Array(headers.prefix(round % 8 == 0 ? 3 : 2)) }
      let decoded = try #require(decoders.randomElement(using: &generator)).decode(record, fallbackMilliseconds: testNow)
      for event in decoded.events {
        applied += 1
        #expect(event.interaction.strength.isFinite && !event.interaction.user.isEmpty && !event.interaction.item.isEmpty, "seed \(seed)")
        #expect(String(validating: event.interaction.user, as: UTF8.self) != nil, "seed \(seed)")
      }
    }
    #expect(applied > 1000)
  }

  private func mutated(_ text: String, times: ClosedRange<Int> = 0...3, _ generator: inout SeededGenerator) -> [UInt8] {
    let interesting = Array("{}[]\",:\\u0-+.eE19nN \u{0}".utf8) + [0x00, 0x01, 0x80, 0xC3, 0xED, 0xF0, 0xFF]
    var bytes = Array(text.utf8)
    for _ in 0..<Int.random(in: times, using: &generator) {
      let index = Int.random(in: 0..<max(1, bytes.count), using: &generator)
      let byte = interesting.randomElement(using: &generator) ?? 0
      switch Int.random(in: 0..<5, using: &generator) {
      case 0 where !bytes.isEmpty: bytes[index] = byte
      case 1: bytes.insert(byte, at: min(index, bytes.count))
      case 2 where !bytes.isEmpty: bytes.remove(at: index)
      case 3: bytes.removeLast(min(bytes.count, Int.random(in: 0...10, using: &generator)))
      default: bytes.insert(contentsOf: bytes[min(index, bytes.count)...].prefix(20), at: min(index, bytes.count))
      }
    }
    return bytes
  }

  @Test func randomObjectsAreReadAsFoundationReadsThem() throws {
    let seed = fuzzSeed("randomObjectsAreReadAsFoundationReadsThem")
    var generator = SeededGenerator(seed: seed)
    let decoder = InteractionDecoder(RecommenderConfiguration.Input())
    for _ in 0..<3000 {
      let value = randomNumber(&generator)
      let id = randomText(&generator)
      let json = #"{"x":\#(randomJSON(&generator, depth: 0)),"user_id":"a\#(id)","item_id":"i","event_value":\#(value)}"#
      let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], "seed \(seed): \(json)")
      let decoded = decoder.decode(eventRecord(Array(json.utf8)), fallbackMilliseconds: testNow)
      let interaction = try #require(decoded.applied, "seed \(seed): \(json) gave \(decoded)")
      #expect(interaction.user == Array((object["user_id"] as? String ?? "").utf8), "seed \(seed): \(json)")
      let expected = try #require(object["event_value"] as? NSNumber).doubleValue
      #expect(interaction.strength == Float(max(-1e6, min(1e6, expected))), "seed \(seed): \(value)")
    }
  }

  @Test func numbersAreRoundedAsStrtodRoundsThem() throws {
    let seed = fuzzSeed("numbersAreRoundedAsStrtodRoundsThem")
    var generator = SeededGenerator(seed: seed)
    var texts = [
      "9007199254740993", "9007199254740992.5", "1e23", "8.5e22", "2.2250738585072011e-308", "4.9e-324", "2.4e-324", "1e-400", "0.1",
      "123456789012345678", "-0", "0e999999999", "1e-999999999",
    ]
    for _ in 0..<20_000 { texts.append(randomNumber(&generator)) }
    for text in texts {
      let parsed: Double? = try Array(text.utf8).withUnsafeBufferPointer { bytes in
        var scanner = JSONScanner(bytes, from: 0, depthMax: 1)
        let number = try scanner.number()
        #expect(scanner.at == bytes.count)
        return scanner.double(number)
      }
      #expect(parsed?.bitPattern == strtod(text, nil).bitPattern, "seed \(seed): \(text)")
    }
  }
}

private func randomNumber(_ generator: inout SeededGenerator) -> String {
  var text = Bool.random(using: &generator) ? "-" : ""
  text += String(UInt64.random(in: 0...(1 << UInt64.random(in: 1...63, using: &generator)), using: &generator))
  if Bool.random(using: &generator) {
    text += ".\(String(UInt64.random(in: 0...UInt64.max, using: &generator)).prefix(Int.random(in: 1...20, using: &generator)))"
  }
  if Bool.random(using: &generator) { text += "e\(Int.random(in: -40...40, using: &generator))" }
  return text
}

private func randomText(_ generator: inout SeededGenerator) -> String {
  let parts = [
    "a", "b c", "é", "😀", #"\n"#, #"\""#, #"\\"#, #"\/"#, #"\u00e9"#, #"\ud83d\ude00"#, "0123456789abcdef", "\u{7F}", #"\u001f"#,
  ]
  return (0..<Int.random(in: 0...6, using: &generator)).map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
}

private func randomJSON(_ generator: inout SeededGenerator, depth: Int) -> String {
  let space = [" ", "", "", "\n\t"].randomElement(using: &generator) ?? ""
  switch Int.random(in: 0..<(depth < 8 ? 8 : 5), using: &generator) {
  case 0: return space + "true"
  case 1: return "false" + space
  case 2: return "null"
  case 3: return randomNumber(&generator)
  case 4: return "\"\(randomText(&generator))\""
  case 5, 6:
    let parts = (0..<Int.random(in: 0...3, using: &generator)).map { _ in randomJSON(&generator, depth: depth + 1) }
    return "[\(space)\(parts.joined(separator: "," + space))]"
  default:
    let parts = (0..<Int.random(in: 0...3, using: &generator)).map {
      "\"k\($0)\(randomText(&generator))\"\(space):\(randomJSON(&generator, depth: depth + 1))"
    }
    return "{\(parts.joined(separator: "," + space))\(space)}"
  }
}
