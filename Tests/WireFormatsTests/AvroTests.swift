import StreamingRecommender
import Testing

@testable import WireFormats

@Suite struct AvroTests {
  @Test(arguments: [
    (#""long""#, Int64.min, "-9223372036854775808"), (#""int""#, -1, "-1"), (#"{"type":"int","logicalType":"date"}"#, -1, "\"1969-12-31\""),
    (#"{"type":"int","logicalType":"date"}"#, 11_016, "\"2000-02-29\""),
    (#"{"type":"int","logicalType":"date"}"#, 2_932_896, "\"9999-12-31\""),
    (#"{"type":"long","logicalType":"timestamp-millis"}"#, -1, "\"1969-12-31T23:59:59.999Z\""),
    (#"{"type":"long","logicalType":"timestamp-micros"}"#, 1_700_000_000_123_456, "\"2023-11-14T22:13:20.123456Z\""),
    // Microseconds of 1970 are not taken for another unit.
    (#"{"type":"long","logicalType":"timestamp-micros"}"#, 5_000_000, "\"1970-01-01T00:00:05.000000Z\""),
    (#"{"type":"long","logicalType":"timestamp-nanos"}"#, 1_700_000_000_000_000_001, "\"2023-11-14T22:13:20.000000001Z\""),
    (#"{"type":"long","logicalType":"local-timestamp-millis"}"#, 0, "\"1970-01-01T00:00:00.000\""),
    (#"{"type":"int","logicalType":"time-millis"}"#, 3_723_004, "\"01:02:03.004\""),
    (#"{"type":"long","logicalType":"timestamp-millis"}"#, Int64.max, "\"9223372036854775 seconds are out of range\""),
    // Kafka Connect and Debezium name types in their own way.
    (#"{"type":"int","connect.name":"io.debezium.time.Date"}"#, 19_675, "\"2023-11-14\""),
    (#"{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}"#, 1, "\"1970-01-01T00:00:00.000001Z\""),
    // A logical type that does not fit is ignored.
    (#"{"type":"int","logicalType":"timestamp-micros"}"#, 5, "5"), (#"{"type":"long","logicalType":"what"}"#, 5, "5"),
  ])
  func aNumberIsWrittenAsWhatItMeans(schema: String, number: Int64, json: String) throws {
    #expect(try avroJSON(schema) { $0.long(number) } == json)
  }

  @Test(
    arguments: [
      ([], 0, "0"), ([0x7B], 0, "123"), ([0xFF], 0, "-1"), ([0x00, 0xFF], 2, "2.55"), ([0x80], 3, "-0.128"), ([0x05], 2, "0.05"),
      ([0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 4, "922337203685477.5807"),
      ([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, "-170141183460469231731687303715884105728"),
    ] as [([UInt8], Int, String)])
  func aDecimalIsExact(bytes: [UInt8], scale: Int, json: String) throws {
    let schema = #"{"type":"bytes","logicalType":"decimal","precision":40,"scale":\#(scale)}"#
    #expect(try avroJSON(schema) { $0.data(bytes) } == json)
  }

  @Test func valuesWithoutAFormInJSONAreTexts() throws {
    #expect(try avroJSON(#""bytes""#) { $0.data([0, 0xFF, 1, 2]) } == "\"AP8BAg==\"")
    #expect(try avroJSON(#"{"type":"fixed","name":"F","size":3}"#) { $0.all += [1, 2, 3] } == "\"AQID\"")
    #expect(
      try avroJSON(#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#) { $0.all += (0..<16).map { $0 * 17 } }
        == "\"00112233-4455-6677-8899-aabbccddeeff\"")
    #expect(try avroJSON(#""double""#) { $0.all += [0, 0, 0, 0, 0, 0, 0xF8, 0x7F] } == "\"NaN\"")
    #expect(try avroJSON(#""float""#) { $0.all += [0, 0, 0x80, 0xFF] } == "\"-Infinity\"")
    #expect(try avroJSON(#""float""#) { $0.all += [0xCD, 0xCC, 0xCC, 0x3D] } == "0.1")
  }

  @Test func textsAreEscaped() throws {
    #expect(try avroJSON(#""string""#) { $0.text("a\"b\\c\n\u{0}é") } == #""a\"b\\c\u000a\u0000é""#)
    let schema = #"{"type":"record","name":"R","fields":[{"name":"a\"b","type":"null"}]}"#
    #expect(try avroJSON(schema) { _ in } == #"{"a\"b":null}"#)
  }

  @Test func branchesOfAUnionAreNotWrapped() throws {
    let schema = #"["null","string",{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]},{"type":"map","values":"boolean"}]"#
    #expect(try avroJSON(schema) { $0.long(0) } == "null")
    #expect(
      try avroJSON(schema) {
        $0.long(1); $0.text("x")
      } == "\"x\"")
    #expect(
      try avroJSON(schema) {
        $0.long(2); $0.long(7)
      } == #"{"a":7}"#)
    #expect(
      try avroJSON(schema) {
        $0.long(3); $0.long(1); $0.text("k"); $0.all.append(1); $0.long(0)
      } == #"{"k":true}"#)
  }

  @Test func blocksWithAndWithoutSizesAreOneList() throws {
    let json = try avroJSON(#"{"type":"array","items":"int"}"#) {
      $0.long(2); $0.long(1); $0.long(2)
      $0.long(-1); $0.long(1); $0.long(3)
      $0.long(0)
    }
    #expect(json == "[1,2,3]")
  }

  @Test func namesAreFoundInTheirNamespaces() throws {
    let schema = #"""
      {"type":"record","name":"a.b.R","fields":[
        {"name":"x","type":{"type":"enum","name":"E","symbols":["P","Q"]}},
        {"name":"y","type":{"type":"record","name":"S","namespace":"c","fields":[{"name":"e","type":"a.b.E"},{"name":"n","type":["null","S"]}]}},
        {"name":"z","type":"E"}, {"name":"s","type":["null","c.S"]}]}
      """#
    let json = try avroJSON(schema) {
      $0.long(1); $0.long(0); $0.long(1); $0.long(1); $0.long(0); $0.long(0); $0.long(0)
    }
    #expect(json == #"{"x":"Q","y":{"e":"P","n":{"e":"Q","n":null}},"z":"P","s":null}"#)
  }

  @Test(arguments: [
    "", "{", "{}", #""what""#, #"{"type":"record","name":"R"}"#, #"{"type":"record","fields":[]}"#, #"{"type":"array"}"#,
    #"{"type":"fixed","name":"F","size":-1}"#, #"{"type":"enum","name":"E"}"#, #"["null","Unknown"]"#, "17",
  ])
  func aSchemaThatIsNoneIsRefused(text: String) { #expect(throws: SchemaRefusal.self) { try AvroSchema(text: text) } }

  // MARK: Hostile payloads

  private let list = #"{"type":"array","items":"null"}"#

  @Test func aListOfACountWithoutBytesIsRefusedEarly() {
    #expect(throws: PayloadFault.tooLarge) {
      try avroJSON(list) {
        $0.long(1 << 60); $0.long(0)
      }
    }
    #expect(throws: PayloadFault.tooLarge) {
      try avroJSON(#"{"type":"array","items":{"type":"record","name":"R","fields":[]}}"#) {
        $0.long(.min); $0.long(0)
      }
    }
    #expect(throws: PayloadFault.self) { try avroJSON(#""string""#) { $0.long(1 << 60) } }
    #expect(throws: PayloadFault.self) { try avroJSON(#""bytes""#) { $0.long(-1) } }
  }

  @Test func aValueWithinItselfIsTooDeep() {
    #expect(throws: PayloadFault.tooDeep) { try avroJSON(#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#) { _ in } }
    let tree = #"{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}"#
    #expect(throws: PayloadFault.tooDeep) { try avroJSON(tree) { for _ in 0..<100_000 { $0.long(1) } } }
  }

  @Test func whatTheSchemaDoesNotSayIsRefused() {
    #expect(throws: PayloadFault.self) { try avroJSON(#""boolean""#) { $0.all.append(2) } }
    #expect(throws: PayloadFault.self) { try avroJSON(#""int""#) { $0.long(1 << 40) } }
    #expect(throws: PayloadFault.self) { try avroJSON(#"["null"]"#) { $0.long(1) } }
    #expect(throws: PayloadFault.self) { try avroJSON(#""null""#) { $0.all.append(0) } }
    #expect(throws: PayloadFault.self) { try avroJSON(#""long""#) { $0.all += [UInt8](repeating: 0xFF, count: 11) } }
    #expect(throws: PayloadFault.self) {
      try avroJSON(#"{"type":"bytes","logicalType":"decimal","precision":9}"#) { $0.data([UInt8](repeating: 1, count: 65)) }
    }
  }
}
