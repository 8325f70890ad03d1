import StreamingRecommender
import Testing

@testable import WireFormats

@Suite struct ProtobufTests {
  private let numbers = #"""
    syntax = "proto3";
    message All {
      double a = 1; float b = 2; int32 c = 3; int64 d = 4; uint32 e = 5; uint64 f = 6; sint32 g = 7; sint64 h = 8; fixed32 i = 9;
      fixed64 j = 10; sfixed32 k = 11; sfixed64 l = 12; bool m = 13; string n = 14; bytes o = 15;
    }
    """#

  @Test func everyScalarIsWrittenAsANumberOrText() throws {
    let json = try protobufJSON(numbers) {
      $0.all += [0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0x15, 0xCD, 0xCC, 0xCC, 0x3D]
      $0.field(3, varint: UInt64(bitPattern: -1))
      $0.field(4, varint: UInt64(bitPattern: .min))
      $0.field(5, varint: 4_294_967_295)
      $0.field(6, varint: .max)
      $0.field(7, varint: 1)
      $0.field(8, varint: 2)
      $0.all +=
        [0x4D, 1, 0, 0, 0x80, 0x51, 1, 0, 0, 0, 0, 0, 0, 0x80, 0x5D, 0xFF, 0xFF, 0xFF, 0xFF, 0x61] + [UInt8](repeating: 0xFF, count: 8)
      $0.field(13, varint: 1)
      $0.field(14, "x\"y")
      $0.field(15, [0, 0xFF])
    }
    #expect(
      json
        == #"{"a":1.5,"b":0.1,"c":-1,"d":-9223372036854775808,"e":4294967295,"f":18446744073709551615,"g":-1,"h":1,"i":2147483649,"j":9223372036854775809,"k":-1,"l":-1,"m":true,"n":"x\"y","o":"AP8="}"#
    )
  }

  @Test func absentFieldsAreLeftOutExceptEnums() throws {
    let schema = #"""
      syntax = "proto3";
      message M { int32 a = 1; E e = 2; U u = 3; optional E o = 4; repeated E r = 5; }
      enum E { VIEW = 0; BUY = 1; }
      enum U { U_UNSPECIFIED = 0; X = 1; }
      """#
    #expect(try protobufJSON(schema) { _ in } == #"{"e":"VIEW"}"#)
    #expect(
      try protobufJSON(schema) {
        $0.field(2, varint: 1); $0.field(3, varint: 0); $0.field(4, varint: 9)
      } == #"{"e":"BUY","u":"U_UNSPECIFIED","o":9}"#)
    // In proto2 an absent field is absent.
    #expect(try protobufJSON(#"message M { optional E e = 1; } enum E { A = 0; }"#) { _ in } == "{}")
  }

  @Test func listsMayBePackedOrNotAndInSeveralParts() throws {
    let schema = #"syntax = "proto3"; message M { repeated int32 a = 1; repeated string s = 2; repeated fixed32 f = 3; repeated M m = 4; }"#
    let json = try protobufJSON(schema) {
      $0.field(1, [1, 2])
      $0.field(2, "x")
      $0.field(1, varint: 3)
      $0.field(4, [])
      $0.field(2, "")
      $0.field(3, [1, 0, 0, 0, 2, 0, 0, 0])
      $0.field(1, [])
      $0.field(4, [0x08, 0x04])
    }
    #expect(json == #"{"a":[1,2,3],"s":["x",""],"f":[1,2],"m":[{},{"a":[4]}]}"#)
    #expect(throws: PayloadFault.self) { try protobufJSON(schema) { $0.field(3, [1, 0, 0]) } }
  }

  @Test func theLastValueCountsAndPartsOfAMessageAreOne() throws {
    let schema = #"syntax = "proto3"; message M { int32 a = 1; M m = 2; oneof x { string s = 3; int32 i = 4; M o = 5; } }"#
    #expect(
      try protobufJSON(schema) {
        $0.field(1, varint: 1); $0.field(1, varint: 2)
      } == #"{"a":2}"#)
    #expect(
      try protobufJSON(schema) {
        $0.field(2, [0x08, 1]); $0.field(2, [0x1A, 1, 0x78])
      } == #"{"m":{"a":1,"s":"x"}}"#)
    #expect(
      try protobufJSON(schema) {
        $0.field(3, "x"); $0.field(4, varint: 0)
      } == #"{"i":0}"#)
    #expect(
      try protobufJSON(schema) {
        $0.field(4, varint: 1); $0.field(3, "x")
      } == #"{"s":"x"}"#)
  }

  @Test func mapsGroupsAndUnknownFields() throws {
    let schema = #"""
      message M {
        map<string, int32> a = 1; map<int64, M> b = 2; map<bool, E> c = 3;
        repeated group Part = 4 { optional int32 x = 1; }
      }
      enum E { Z = 0; }
      """#
    let json = try protobufJSON(schema) {
      $0.field(1, [0x0A, 1, 0x6B, 0x10, 5])
      $0.field(1, [0x10, 6])
      $0.field(2, [0x08, 7])
      $0.field(3, [0x08, 1])
      $0.all += [0x23, 0x08, 9, 0x24]
      // A group, a number and a text that the schema does not have.
      $0.all += [0x9B, 0x06, 0x0B, 0x0C, 0x08, 1, 0x9C, 0x06]
      $0.field(101, varint: 1)
      $0.field(102, "x")
      // Another type than the schema says.
      $0.field(1, varint: 3)
    }
    #expect(json == #"{"a":{"k":5,"":6},"b":{"7":{}},"c":{"true":"Z"},"part":[{"x":9}]}"#)
    #expect(throws: PayloadFault.self) { try protobufJSON(schema) { $0.all += [0x23, 0x2C] } }
    #expect(throws: PayloadFault.self) { try protobufJSON(schema) { $0.all += [0x23] } }
    #expect(throws: PayloadFault.self) { try protobufJSON(schema) { $0.all += [0x24] } }
  }

  @Test func wellKnownTypesHaveTheirOwnForm() throws {
    let schema = #"""
      syntax = "proto3";
      import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto";
      import "google/protobuf/struct.proto"; import "confluent/type/decimal.proto";
      message M {
        google.protobuf.Timestamp at = 1; google.protobuf.Duration took = 2; google.protobuf.StringValue s = 3;
        google.protobuf.Int64Value n = 4; google.protobuf.Struct x = 5; google.protobuf.ListValue l = 6; confluent.type.Decimal d = 7;
        .google.protobuf.Value v = 8;
      }
      """#
    let json = try protobufJSON(schema) {
      $0.field(1, Bytes.varint(0x08) + Bytes.varint(1_700_000_000) + [0x10] + Bytes.varint(123_456_789))
      $0.field(2, [0x08, 3, 0x10] + Bytes.varint(500_000_000))
      $0.field(3, [])
      $0.field(4, [0x08, 7])
      // {"k": [true, null]}
      $0.field(5, [0x0A, 13, 0x0A, 1, 0x6B, 0x12, 8, 0x32, 6, 0x0A, 2, 0x20, 1, 0x0A, 0])
      $0.field(6, [])
      $0.field(7, [0x0A, 2, 0x04, 0xD2, 0x10, 4, 0x18, 2])
      $0.field(8, [0x1A, 1, 0x78])
    }
    #expect(
      json
        == #"{"at":"2023-11-14T22:13:20.123456789Z","took":"3.500000000s","s":"","n":7,"x":{"k":[true,null]},"l":[],"d":12.34,"v":"x"}"#)
  }

  @Test func aMessageIsFoundByItsPlace() throws {
    let schema = try ProtobufSchema(
      text: #"syntax = "proto3"; package p; message A { map<string,int32> m = 1; message B { message C {} } message D {} } message E {}"#)
    func name(_ indexes: [Int]) -> Int32? { schema.message(at: indexes) }
    #expect(name([0]) == schema.message(named: "p.A") && name([1]) == schema.message(named: "E"))
    // The entries of a map are not counted.
    #expect(name([0, 1]) == schema.message(named: "D") && name([0, 0, 0]) == schema.message(named: "p.A.B.C"))
    #expect(name([2]) == nil && name([0, 2]) == nil && name([-1]) == nil && name([]) == nil)
    #expect(schema.message(named: "F") == nil)
  }

  @Test func aTypeThatNothingDefinesIsPassedOverAndNamed() throws {
    let text =
      #"syntax = "proto3"; import "buf/validate/validate.proto"; message M { int32 a = 1 [(buf.validate.field).x = {y: "};"}]; other.T t = 2; }"#
    let schema = try ProtobufSchema(text: text)
    #expect(schema.undefined == ["M.t of type other.T"])
    #expect(
      try protobufJSON(text) {
        $0.field(1, varint: 1); $0.field(2, "x")
      } == #"{"a":1}"#)
  }

  @Test(arguments: [
    "", "message", "message M", "message M {", "message M { int32 a }", "message M { int32 a = ; }", "message M { int32 a = x; }",
    "message M { int32 a = 1; int32 b = 1; }", "message M { int32 a = 0; }", "message M { map<string> m = 1; }", "message M } ",
    "/* message",
    "message M { oneof x { int32 a = 1; }", "enum E { A = 0; }", "message M { string a = 1 [default = \"x]; }", "AAAA", "////",
    String(repeating: "message M {", count: 1000),
  ])
  func aFileThatIsNoneIsRefused(text: String) { #expect(throws: SchemaRefusal.self) { try ProtobufSchema(text: text) } }

  // MARK: Hostile payloads

  @Test func aMessageWithinItselfIsTooDeep() {
    var inner: [UInt8] = []
    for _ in 0..<1000 { inner = Bytes.varint(0x0A) + Bytes.varint(UInt64(inner.count)) + inner }
    #expect(throws: PayloadFault.tooDeep) { try protobufJSON(#"syntax = "proto3"; message M { M m = 1; }"#) { $0.all = inner } }
    // Also where the schema gives a type that is written as its field.
    let trap = #"syntax = "proto3"; package google.protobuf; message StringValue { StringValue value = 1; }"#
    #expect(throws: PayloadFault.tooDeep) { try protobufJSON(trap) { $0.all = inner } }
  }

  @Test func aPayloadThatStandsForMuchIsRefused() {
    let schema =
      #"syntax = "proto3"; message M { repeated M a_name_that_is_long_enough_to_be_much_longer_than_its_bytes = 1; E e = 2; } enum E { \#(String(repeating: "X", count: 200)) = 0; }"#
    #expect(throws: PayloadFault.tooLarge) { try protobufJSON(schema) { for _ in 0..<30_000 { $0.field(1, []) } } }
  }
}
