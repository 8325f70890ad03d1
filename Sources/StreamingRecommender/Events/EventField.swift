#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The fields of an event that the engine reads.
enum EventField: UInt32 {
  case user, item, eventType, eventValue, timestamp, eventID, operation
  case sessionID, recommendationID, impression, properties
  /// The flag and the code of change capture in flattened rows.
  case deleted, changeOperation
  /// The other id of a merge.
  case into
  /// The time under the name that event-v1.proto gives it.
  case timestampMilliseconds
  /// A list or object in which another system's events have their fields.
  case container

  var bit: UInt32 { 1 << rawValue }

  /// The canonical name, used in messages.
  var name: String {
    switch self {
    case .user: "user_id"
    case .item: "item_id"
    case .eventType: "event_type"
    case .eventValue: "event_value"
    case .timestamp: "timestamp"
    case .eventID: "event_id"
    case .operation: "op"
    case .sessionID: "session_id"
    case .recommendationID: "recommendation_id"
    case .impression: "impression"
    case .properties: "properties"
    case .deleted: "deleted"
    case .changeOperation: "__op"
    case .into: "into"
    case .timestampMilliseconds: "timestamp_ms"
    case .container: "container"
    }
  }

  /// The fields that `input.fields` can set.
  static let mappedFields: [EventField] = [.user, .item, .eventType, .eventValue, .timestamp, .eventID, .operation, .deleted, .into]

  /// The fields that a mapping reads: also those that only say what a user was shown.
  static let readFields = mappedFields + [.recommendationID, .impression]

  static func mapped(named name: String) -> EventField? { mappedFields.first { $0.name == name } }

  /// Returns the field with this canonical name (case-sensitive), or `nil`.
  @inline(__always) static func canonical(_ name: UnsafeBufferPointer<UInt8>) -> EventField? {
    switch name.count {
    case 2: matches(name, "op") ? .operation : nil
    case 4:
      if matches(name, "into") { .into } else if matches(name, "__op") { .changeOperation } else { nil }
    case 7:
      if matches(name, "user_id") { .user } else if matches(name, "item_id") { .item } else { nil }
    case 8: matches(name, "event_id") ? .eventID : nil
    case 9:
      if matches(name, "timestamp") { .timestamp } else if matches(name, "__deleted") { .deleted } else { nil }
    case 10:
      if matches(name, "event_type") {
        .eventType
      } else if matches(name, "session_id") {
        .sessionID
      } else if matches(name, "impression") {
        .impression
      } else if matches(name, "properties") {
        .properties
      } else {
        nil
      }
    case 11: matches(name, "event_value") ? .eventValue : nil
    case 12: matches(name, "timestamp_ms") ? .timestampMilliseconds : nil
    case 17: matches(name, "recommendation_id") ? .recommendationID : nil
    default: nil
    }
  }
}

/// The names that other systems give to the same fields, from the rows of `InputPreset`; they are matched case-insensitively.
struct EventAliases: Sendable {
  private var names: [(start: Int32, count: Int32, field: EventField)] = []
  /// All names in lower case, one after the other.
  private var letters: [UInt8] = []

  private static let all = EventAliases(reading: RecommenderConfiguration.Input.AliasFamily.allCases)

  init(_ families: [RecommenderConfiguration.Input.AliasFamily]) {
    self = families == RecommenderConfiguration.Input.AliasFamily.allCases ? Self.all : EventAliases(reading: families)
  }

  private init(reading families: [RecommenderConfiguration.Input.AliasFamily]) {
    var known: Set<String> = []
    for (field, candidates) in families.flatMap(InputPreset.aliases) {
      for text in candidates {
        guard let path = try? InputPath(text.first == "?" ? text.dropFirst() : text[...]), case .name(let name, _) = path.steps[0],
          known.insert(name.lowercased()).inserted
        else { continue }
        names.append((Int32(letters.count), Int32(name.utf8.count), path.steps.count == 1 ? field : .container))
        letters += name.lowercased().utf8
      }
    }
  }

  func field(_ name: UnsafeBufferPointer<UInt8>) -> EventField? {
    let count = Int32(truncatingIfNeeded: name.count)
    for alias in names where alias.count == count && isEqual(name, Int(alias.start)) { return alias.field }
    return nil
  }

  private func isEqual(_ name: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
    for index in 0..<name.count {
      let byte = name[index]
      guard (0x41...0x5A ~= byte ? byte | 0x20 : byte) == letters[start + index] else { return false }
    }
    return true
  }
}

/// Returns whether the bytes equal `text`.
@inline(__always) func matches(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
  guard bytes.count == text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
  return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
}
