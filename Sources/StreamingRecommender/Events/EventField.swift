#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The fields of an event that the engine reads.
enum EventField: UInt32 {
  case user, item, eventType, eventValue, timestamp, eventID, operation
  case sessionID, recommendationID, impression, properties
  /// The nested objects in which Google's events name the user and the item.
  case userInfo, productDetails

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
    case .userInfo: "userInfo"
    case .productDetails: "productDetails"
    }
  }

  /// Returns the field with this canonical name (case-sensitive), or `nil`.
  @inline(__always) static func canonical(_ name: UnsafeBufferPointer<UInt8>) -> EventField? {
    switch name.count {
    case 2: matches(name, "op") ? .operation : nil
    case 7:
      if matches(name, "user_id") { .user } else if matches(name, "item_id") { .item } else { nil }
    case 8: matches(name, "event_id") ? .eventID : nil
    case 9: matches(name, "timestamp") ? .timestamp : nil
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
    case 17: matches(name, "recommendation_id") ? .recommendationID : nil
    default: nil
    }
  }
}

/// The names that other systems give to the same fields; they are matched case-insensitively.
struct EventAliases: Sendable {
  private var names: [(name: StaticString, field: EventField)] = []

  init(_ families: [RecommenderConfiguration.Input.AliasFamily]) {
    for family in families {
      switch family {
      case .personalize: names += Self.personalize
      case .google: names += Self.google
      case .gorse: names += Self.gorse
      case .spark: names += Self.spark
      }
    }
  }

  func field(_ name: UnsafeBufferPointer<UInt8>) -> EventField? {
    for alias in names where alias.name.utf8CodeUnitCount == name.count {
      if matchesIgnoringCase(name, alias.name) { return alias.field }
    }
    return nil
  }

  // All names are in lower case.
  private static let personalize: [(StaticString, EventField)] = [
    ("user_id", .user), ("userid", .user), ("item_id", .item), ("itemid", .item), ("event_type", .eventType), ("eventtype", .eventType),
    ("event_value", .eventValue), ("eventvalue", .eventValue), ("timestamp", .timestamp), ("sentat", .timestamp),
    ("event_id", .eventID), ("eventid", .eventID), ("session_id", .sessionID), ("sessionid", .sessionID),
    ("recommendation_id", .recommendationID), ("recommendationid", .recommendationID), ("impression", .impression),
  ]
  private static let google: [(StaticString, EventField)] = [
    ("visitorid", .user), ("userinfo", .userInfo), ("productdetails", .productDetails), ("eventtype", .eventType),
    ("eventtime", .timestamp), ("quantity", .eventValue), ("sessionid", .sessionID), ("attributiontoken", .recommendationID),
  ]
  private static let gorse: [(StaticString, EventField)] = [
    ("userid", .user), ("itemid", .item), ("feedbacktype", .eventType), ("value", .eventValue), ("timestamp", .timestamp),
  ]
  private static let spark: [(StaticString, EventField)] = [("user", .user), ("item", .item), ("rating", .eventValue)]
}

/// Returns whether the bytes equal `text`.
@inline(__always) func matches(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
  guard bytes.count == text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
  return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
}

/// Returns whether the bytes equal `text`, ignoring the case of ASCII letters; `text` must be in lower case.
func matchesIgnoringCase(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
  guard bytes.count == text.utf8CodeUnitCount else { return false }
  for index in 0..<bytes.count {
    let byte = bytes[index]
    guard (0x41...0x5A ~= byte ? byte | 0x20 : byte) == text.utf8Start[index] else { return false }
  }
  return true
}
