/// A .proto file as it was written, before names are resolved.
struct ProtoFile: Sendable {
  var package = ""
  var imports: [String] = []
  /// Whether a field without a label is absent when it has the default value (proto3).
  var hasImplicitPresence = false
  var messages: [ProtoMessage] = []
  var enums: [ProtoEnum] = []
}

struct ProtoMessage: Sendable {
  var name: String
  var fields: [ProtoField] = []
  var messages: [ProtoMessage] = []
  var enums: [ProtoEnum] = []
  /// Whether it stands for the entries of a `map`.
  var isMapEntry = false
}

struct ProtoField: Sendable {
  var name: String
  var number: Int32
  var type: ProtoType
  var isRepeated = false
  /// Whether its default value is written where it is set.
  var hasPresence = false
  /// The number of the `oneof` that it is in, or -1.
  var oneof: Int32 = -1
}

enum ProtoType: Sendable, Equatable {
  case scalar(ProtoScalar)
  /// A message or an enum.
  case named(String)
}

/// Raw values are the words of the language.
enum ProtoScalar: String, Sendable, CaseIterable {
  case double, float, int32, int64, uint32, uint64, sint32, sint64, fixed32, fixed64, sfixed32, sfixed64, bool, string, bytes
}

struct ProtoEnum: Sendable {
  var name: String
  var values: [(name: String, number: Int32)] = []
}
