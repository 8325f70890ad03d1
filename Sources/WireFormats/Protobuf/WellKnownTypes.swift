/// Messages that have a JSON form of their own.
enum WellKnownType: UInt8, Sendable {
  case none, timestamp, duration, wrapper, structure, value, list, decimal

  private static let names: [String: WellKnownType] = {
    var names: [String: WellKnownType] = [
      "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration, "google.protobuf.Struct": .structure,
      "google.protobuf.Value": .value, "google.protobuf.ListValue": .list, "confluent.type.Decimal": .decimal,
    ]
    for kind in ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"] {
      names["google.protobuf.\(kind)Value"] = .wrapper
    }
    return names
  }()

  init(fullName: String) { self = Self.names[fullName] ?? .none }

  /// The number of fields without which a message of this name is another one.
  var fieldsMin: Int32 {
    switch self {
    case .none: 0
    case .timestamp, .duration: 2
    case .decimal: 3
    case .wrapper, .structure, .value, .list: 1
    }
  }

  // MARK: Files that every registry takes for known

  /// The files that define them, by the path under which they are imported; registries list no references to these.
  static func file(_ path: String) -> ProtoFile? {
    guard let text = texts[path] else { return nil }
    guard let file = try? ProtoParser.parse(text) else { preconditionFailure("\(path) cannot be parsed") }
    return file
  }

  static let paths = texts.keys.sorted()

  private static let texts: [String: String] = [
    "google/protobuf/timestamp.proto":
      #"syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }"#,
    "google/protobuf/duration.proto":
      #"syntax = "proto3"; package google.protobuf; message Duration { int64 seconds = 1; int32 nanos = 2; }"#,
    "google/protobuf/any.proto": #"syntax = "proto3"; package google.protobuf; message Any { string type_url = 1; bytes value = 2; }"#,
    "google/protobuf/empty.proto": #"syntax = "proto3"; package google.protobuf; message Empty {}"#,
    "google/protobuf/field_mask.proto": #"syntax = "proto3"; package google.protobuf; message FieldMask { repeated string paths = 1; }"#,
    "google/protobuf/wrappers.proto": #"""
    syntax = "proto3"; package google.protobuf;
    message DoubleValue { double value = 1; } message FloatValue { float value = 1; } message Int64Value { int64 value = 1; }
    message UInt64Value { uint64 value = 1; } message Int32Value { int32 value = 1; } message UInt32Value { uint32 value = 1; }
    message BoolValue { bool value = 1; } message StringValue { string value = 1; } message BytesValue { bytes value = 1; }
    """#,
    "google/protobuf/struct.proto": #"""
    syntax = "proto3"; package google.protobuf;
    message Struct { map<string, Value> fields = 1; }
    message Value {
      oneof kind {
        NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4; Struct struct_value = 5;
        ListValue list_value = 6;
      }
    }
    enum NullValue { NULL_VALUE = 0; }
    message ListValue { repeated Value values = 1; }
    """#,
    "confluent/type/decimal.proto":
      #"syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"#,
    "google/type/date.proto": #"syntax = "proto3"; package google.type; message Date { int32 year = 1; int32 month = 2; int32 day = 3; }"#,
    "google/type/money.proto":
      #"syntax = "proto3"; package google.type; message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }"#,
    "google/type/latlng.proto":
      #"syntax = "proto3"; package google.type; message LatLng { double latitude = 1; double longitude = 2; }"#,
  ]
}
