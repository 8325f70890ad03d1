import RecommenderTestKit
import StreamingRecommender
import Testing

@testable import WireFormats

/// Records that Confluent's Python client wrote.
@Suite struct MessageTests {
  @Test(arguments: fixture.records) func aRecordOfAnotherClientGivesItsEvents(message: MessageFixture.Message) throws {
    let cache = try SchemaCache(source: FixtureRegistry())
    let decoder = InteractionDecoder(try message.input(), payloads: cache)
    #expect(lines(try settled(decoder, message.record(timestampMilliseconds: testNow))) == message.expect)
  }

  @Test func theKeyOfASchemaIsTheUser() throws {
    let cache = try SchemaCache(source: FixtureRegistry())
    let message = fixture.message("avro: text key")
    let decoder = InteractionDecoder(try message.input(), payloads: cache)
    let record = message.record(timestampMilliseconds: testNow)
    // The event need not wait for the schema of its key, so the key is asked for first.
    _ = try settled(decoder, Record(offset: 0, timestampMilliseconds: testNow, key: record.key, value: nil))
    guard case .interaction(_, _, let keyMismatch) = try settled(decoder, record) else {
      Issue.record("no event")
      return
    }
    #expect(!keyMismatch)
    var other = record
    other.key = fixture.message("avro: tombstone, text key").record(timestampMilliseconds: 0).key
    #expect(try settled(decoder, other).events.first?.keyMismatch == true)
  }

  @Test func aJSONFrameNeedsNoRegistry() throws {
    let registry = FixtureRegistry()
    registry.set(.unavailable("it is away"))
    let record = fixture.message("json: JSON Schema").record(timestampMilliseconds: testNow)
    let decoder = InteractionDecoder(RecommenderConfiguration.Input(), payloads: try SchemaCache(source: registry))
    #expect(decoder.decode(record, fallbackMilliseconds: testNow).events.count == 1)
    #expect(InteractionDecoder(RecommenderConfiguration.Input()).decode(record, fallbackMilliseconds: testNow).events.count == 1)
    #expect(registry.asked == 0)
  }

  @Test func withoutARegistryAFramedPayloadIsRejectedWithTheKeyToSet() throws {
    let record = fixture.message("avro: event-v1.avsc").record(timestampMilliseconds: testNow)
    guard case .failure(let failure) = InteractionDecoder(.init()).decode(record, fallbackMilliseconds: testNow) else {
      Issue.record("not rejected")
      return
    }
    #expect(failure.reason == .unknownSchema && failure.message.contains("schema_registry.url"))
  }

  @Test func aTypeWithoutAWeightIsNamedInAnyFormat() throws {
    let message = fixture.message("avro: event-v1.avsc")
    var input = RecommenderConfiguration.Input()
    input.weights = ["view": 1]
    let decoder = InteractionDecoder(input, payloads: try SchemaCache(source: FixtureRegistry()))
    let record = message.record(timestampMilliseconds: testNow)
    #expect(lines(try settled(decoder, record)) == ["ignored unknown_type"])
    #expect(decoder.typeName(of: record) == "purchase")
  }

  /// The whole value is the payload, and a file has its schema.
  @Test(arguments: [
    ("avro: event-v1.avsc", "schemas/event-v1.avsc", "avro", ""), ("protobuf: event-v1.proto", "schemas/event-v1.proto", "protobuf", ""),
    ("avro: event-v1.avsc", "schemas/event-v1.avsc", "auto", ""),
    ("protobuf: event-v1.proto", "schemas/event-v1.proto", "auto", "freshet.v1.InteractionEvent"),
  ])
  func aValueWithoutAFrameIsReadWithTheSchemaOfAFile(name: String, file: String, format: String, schemaMessage: String) throws {
    let message = fixture.message(name)
    var input = RecommenderConfiguration.Input()
    input.format = try #require(.init(rawValue: format))
    input.schemaFile = packageRoot + "/" + file
    let cache = try SchemaCache(source: nil, schemaFile: input.schemaFile, schemaMessage: schemaMessage)
    let decoder = InteractionDecoder(input, payloads: cache)
    var record = message.record(timestampMilliseconds: testNow)
    let value = try #require(record.value)
    record.value = Array(value[(name.hasPrefix("avro") ? 5 : 6)...])
    #expect(lines(decoder.decode(record, fallbackMilliseconds: testNow)) == message.expect)
    guard format == "auto" else { return }
    // Frames and JSON are still recognised, and the file has the schema of every frame.
    record.value = value
    #expect(lines(decoder.decode(record, fallbackMilliseconds: testNow)) == message.expect)
    record.value = Array(#"{"user_id":"u","item_id":"i","timestamp":1700000000000}"#.utf8)
    #expect(lines(decoder.decode(record, fallbackMilliseconds: testNow)) == ["u i 1.0 add 1700000000000"])
  }

  @Test func aFormatThatNeedsAFrameSaysSo() throws {
    var input = RecommenderConfiguration.Input()
    input.format = .avro
    let decoder = InteractionDecoder(input, payloads: try SchemaCache(source: FixtureRegistry()))
    let record = Record(offset: 0, timestampMilliseconds: testNow, key: nil, value: Array(#"{"user_id":"u","item_id":"i"}"#.utf8))
    guard case .failure(let failure) = decoder.decode(record, fallbackMilliseconds: testNow) else {
      Issue.record("not rejected")
      return
    }
    #expect(failure.reason == .badFrame && failure.message.contains("input.schema_file"))
    let framed = fixture.message("avro: event-v1.avsc")
    #expect(lines(try settled(decoder, framed.record(timestampMilliseconds: testNow))) == framed.expect)
  }

  @Test func everyRecordIsACloudEventIfTheSettingsSaySo() throws {
    var input = RecommenderConfiguration.Input()
    input.format = .cloudEvents
    input.preset = .segment
    let json =
      #"{"specversion":"1.0","id":"a","type":"t","source":"/","data":{"type":"track","event":"x","userId":"u","properties":{"sku":"s"}}}"#
    let record = Record(offset: 0, timestampMilliseconds: testNow, key: nil, value: Array(json.utf8))
    #expect(lines(InteractionDecoder(input).decode(record, fallbackMilliseconds: testNow)) == ["u s 1.0 add \(testNow) a"])
  }

  @Test(arguments: [
    ("/does/not/exist.avsc", "", "cannot be read"), ("schemas/event-v1.proto", "Other", "InteractionEvent"),
    ("schemas/event-v1.avsc", "Other", "Avro"), ("Package.swift", "", "neither"),
  ])
  func aSchemaFileThatCannotBeUsedIsExplained(file: String, message: String, word: String) {
    let path = file.hasPrefix("/") ? file : packageRoot + "/" + file
    let refusal = #expect(throws: SchemaRefusal.self) { try SchemaCache(source: nil, schemaFile: path, schemaMessage: message) }
    #expect(refusal?.description.contains(word) == true, "\(String(describing: refusal))")
  }
}
