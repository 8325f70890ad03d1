import Telemetry

/// Writes interactions as canonical JSON events, which `InteractionDecoder` decodes to the same interactions.
public enum InteractionEncoder {
  /// Encodes one event and omits absent fields. `user` and `item` must be UTF-8 and `value` finite.
  ///
  /// - Parameter operation: `nil` leaves it to the type of the event.
  public static func encode(
    user: [UInt8], item: [UInt8], operation: Interaction.Operation? = .add, value: Double? = nil, eventType: String? = nil,
    timeMilliseconds: Int64? = nil, eventID: [UInt8]? = nil
  ) -> [UInt8] {
    var json: [UInt8] = []
    json.reserveCapacity(96 + user.count + item.count)
    append(#"{"user_id":"#, to: &json)
    JSONString.append(user, to: &json)
    append(#","item_id":"#, to: &json)
    JSONString.append(item, to: &json)
    switch operation {
    case .add: append(#","op":"add""#, to: &json)
    case .once: append(#","op":"once""#, to: &json)
    case .set: append(#","op":"set""#, to: &json)
    case .delete: append(#","op":"delete""#, to: &json)
    case nil: break
    }
    if let eventType {
      append(#","event_type":"#, to: &json)
      JSONString.append(eventType, to: &json)
    }
    if let value {
      precondition(value.isFinite, "an event value must be finite, got \(value)")
      append(#","event_value":"#, to: &json)
      json += numberText(value).utf8
    }
    if let timeMilliseconds {
      append(#","timestamp":"#, to: &json)
      json += timeText(timeMilliseconds).utf8
    }
    if let eventID {
      append(#","event_id":"#, to: &json)
      JSONString.append(eventID, to: &json)
    }
    json.append(0x7D)
    return json
  }

  private static func numberText(_ value: Double) -> String {
    if let integer = Int64(exactly: value), integer.magnitude < 1 << 53, !(value.sign == .minus && integer == 0) { return String(integer) }
    return "\(value)"
  }

  /// Writes an integer if its magnitude is read as milliseconds, and RFC 3339 text for other times (before 1973, after 5138).
  private static func timeText(_ milliseconds: Int64) -> String {
    if 100_000_000_000..<100_000_000_000_000 ~= milliseconds { return String(milliseconds) }
    let years0To9999: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999
    let bounded = min(max(milliseconds, years0To9999.lowerBound), years0To9999.upperBound)
    return "\"\(Timestamp.rfc3339(milliseconds: bounded))\""
  }

  @inline(__always) private static func append(_ text: StaticString, to json: inout [UInt8]) {
    json.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
