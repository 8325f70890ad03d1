import Timestamps

/// Reads one JSON event. The first pass finds the fields; they are interpreted only after the whole record has been validated as JSON.
struct EventReader {
  private enum ID {
    case missing, text(JSONText), integer(Int64)
  }

  private let rules: DecodingRules
  private var scanner: JSONScanner
  /// The first fault of a single field; reading continues after it.
  private var fault: DecodingFailure?
  private var seen: UInt32 = 0
  private var unknownNames: UnknownNames?
  private var user = ID.missing
  private var item = ID.missing
  private var eventID = ID.missing
  private var eventType: JSONText?
  private var operation = Interaction.Operation.add
  private var value: Double?
  private var timeMilliseconds: Int64?
  /// Where Google's nested objects begin, as offsets into the record.
  private var userInfoStart: Int?
  private var productDetailsStart: Int?

  init(rules: DecodingRules, bytes: UnsafeBufferPointer<UInt8>, start: Int) {
    self.rules = rules
    scanner = JSONScanner(bytes, from: start, depthMax: rules.input.maxDepth)
  }

  // MARK: Reading

  mutating func readRecord() throws(JSONFault) {
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    if scanner.peek() == 0x7B {
      try readObject()
    } else {
      try scanner.skipValue(open: 0)
      fault = DecodingFailure(.notObject, "the value is JSON but not an object")
    }
    scanner.skipSpace()
    guard scanner.at == scanner.end else { throw scanner.unexpected("unexpected data after the object") }
  }

  private mutating func readObject() throws(JSONFault) {
    try scanner.enter(open: 0)
    scanner.skipSpace()
    if scanner.peek() == 0x7D {
      scanner.at += 1
      return
    }
    while true {
      scanner.skipSpace()
      try scanner.expect(0x22, "expected a field name in quotes")
      let name = try scanner.text()
      scanner.skipSpace()
      try scanner.expect(0x3A, "expected :")
      scanner.skipSpace()
      try readField(name)
      scanner.skipSpace()
      if scanner.peek() == 0x2C {
        scanner.at += 1
        continue
      }
      return try scanner.expect(0x7D, "expected , or }")
    }
  }

  @inline(__always) private mutating func readField(_ name: JSONText) throws(JSONFault) {
    guard let field = field(named: name) else {
      noteUnknown(name)
      return try scanner.skipValue(open: 1)
    }
    if seen & field.bit != 0 { noteDuplicate(field.name) }
    seen |= field.bit
    switch field {
    case .user: user = try readID(field)
    case .item: item = try readID(field)
    case .eventID: eventID = try readID(field)
    case .eventType: try readEventType()
    case .eventValue: try readValue()
    case .timestamp: try readTimestamp()
    case .operation: try readOperation()
    case .sessionID, .recommendationID: try readShortText(field)
    case .impression: try readImpression()
    case .properties: try scanner.skipValue(open: 1)
    case .userInfo:
      userInfoStart = scanner.at
      try scanner.skipValue(open: 1)
    case .productDetails:
      productDetailsStart = scanner.at
      try scanner.skipValue(open: 1)
    }
  }

  @inline(__always) private func field(named name: JSONText) -> EventField? {
    if name.isEscaped {
      return scanner.bytes(of: name).withUnsafeBufferPointer { EventField.canonical($0) ?? rules.aliases.field($0) }
    }
    let bytes = raw(name)
    return EventField.canonical(bytes) ?? rules.aliases.field(bytes)
  }

  private func raw(_ text: JSONText) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: scanner.base + text.start, count: text.count)
  }

  private mutating func note(_ reason: RejectionReason, _ message: @autoclosure () -> String) {
    if fault == nil { fault = DecodingFailure(reason, message()) }
  }

  /// Reports a repeated field. It takes precedence over faults of other fields, because their meaning is then in doubt.
  private mutating func noteDuplicate(_ name: String) {
    if fault?.reason != .duplicateField {
      fault = DecodingFailure(.duplicateField, "\(name) appears more than once (under this name or an alias)")
    }
  }

  @inline(never) private mutating func noteUnknown(_ name: JSONText) {
    var names = unknownNames.take() ?? UnknownNames()
    if !names.insert(name, in: scanner) { noteDuplicate("a field") }
    unknownNames = names
  }

  // MARK: Fields

  @inline(__always) private mutating func readID(_ field: EventField) throws(JSONFault) -> ID {
    switch scanner.peek() {
    case 0x22:
      scanner.at += 1
      return .text(try scanner.text())
    case 0x2D, 0x30...0x39:
      let number = try scanner.number()
      if let integer = scanner.integer(number) { return .integer(integer) }
      note(.badID, "\(field.name) must be a string or a 64-bit integer")
    case 0x6E: try scanner.skipLiteral()
    default:
      try scanner.skipValue(open: 1)
      note(.badID, "\(field.name) must be a string or a 64-bit integer")
    }
    return .missing
  }

  @inline(__always) private mutating func readEventType() throws(JSONFault) {
    switch scanner.peek() {
    case 0x22:
      scanner.at += 1
      let text = try scanner.text()
      eventType = text
      // A text of at most 64 bytes has at most 64 characters, so only longer ones are counted.
      if text.count == 0 || text.count > DecodingRules.maxEventTypeCharacters { checkLength(ofType: text) }
    case 0x6E: try scanner.skipLiteral()
    default:
      try scanner.skipValue(open: 1)
      note(.badEventType, "event_type must be a string")
    }
  }

  private mutating func checkLength(ofType text: JSONText) {
    let characters = scanner.bytes(of: text).count { $0 & 0xC0 != 0x80 }
    guard 1...DecodingRules.maxEventTypeCharacters ~= characters else {
      note(.badEventType, "event_type must have 1 to \(DecodingRules.maxEventTypeCharacters) characters, got \(characters)")
      return
    }
  }

  @inline(__always) private mutating func readValue() throws(JSONFault) {
    switch scanner.peek() {
    case 0x2D, 0x30...0x39:
      let number = try scanner.number()
      value = scanner.double(number)
      if value == nil { note(.badValue, "event_value is beyond the range of a double") }
    case 0x6E: try scanner.skipLiteral()
    default:
      try scanner.skipValue(open: 1)
      note(.badValue, "event_value must be a number or null")
    }
  }

  @inline(__always) private mutating func readTimestamp() throws(JSONFault) {
    switch scanner.peek() {
    case 0x2D, 0x30...0x39:
      let number = try scanner.number()
      timeMilliseconds = scanner.integer(number).map(EpochTime.milliseconds(fromInteger:))
    case 0x22:
      scanner.at += 1
      let text = try scanner.text()
      timeMilliseconds =
        text.isEscaped
        ? scanner.bytes(of: text).withUnsafeBufferPointer(TimestampText.milliseconds(fromRFC3339:))
        : TimestampText.milliseconds(fromRFC3339: raw(text))
    case 0x6E: return try scanner.skipLiteral()
    default: try scanner.skipValue(open: 1)
    }
    if timeMilliseconds == nil { note(.badTimestamp, "timestamp must be a 64-bit integer (s, ms, us or ns since 1970) or RFC 3339") }
  }

  private mutating func readOperation() throws(JSONFault) {
    switch scanner.peek() {
    case 0x22:
      scanner.at += 1
      let text = scanner.bytes(of: try scanner.text())
      let known = text.withUnsafeBufferPointer { bytes -> Interaction.Operation? in
        if matches(bytes, "add") { return .add }
        if matches(bytes, "set") { return .set }
        return matches(bytes, "delete") ? .delete : nil
      }
      if let known { return operation = known }
    case 0x6E: return try scanner.skipLiteral()
    default: try scanner.skipValue(open: 1)
    }
    note(.badValue, "op must be \"add\", \"set\" or \"delete\"")
  }

  /// Reads a text that the engine does not store: only its length is checked, and a value of another type is accepted.
  private mutating func readShortText(_ field: EventField) throws(JSONFault) {
    guard scanner.peek() == 0x22 else { return try scanner.skipValue(open: 1) }
    scanner.at += 1
    let text = try scanner.text()
    if text.count > DecodingRules.maxTextBytes, scanner.bytes(of: text).count > DecodingRules.maxTextBytes {
      note(.idTooLong, "\(field.name) has more than \(DecodingRules.maxTextBytes) bytes")
    }
  }

  private mutating func readImpression() throws(JSONFault) {
    guard scanner.peek() == 0x5B else { return try scanner.skipValue(open: 1) }
    try scanner.enter(open: 1)
    scanner.skipSpace()
    if scanner.peek() == 0x5D {
      scanner.at += 1
      return
    }
    var count = 0
    while true {
      scanner.skipSpace()
      if scanner.peek() == 0x22 { try readShortText(.impression) } else { try scanner.skipValue(open: 2) }
      count += 1
      scanner.skipSpace()
      if scanner.peek() == 0x2C {
        scanner.at += 1
        continue
      }
      try scanner.expect(0x5D, "expected , or ]")
      break
    }
    if count > DecodingRules.maxImpressionItems {
      note(.tooLarge, "impression has \(count) items, more than \(DecodingRules.maxImpressionItems)")
    }
  }

  // MARK: Meaning

  mutating func decoded(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    if fault?.reason != .notObject, userInfoStart != nil || productDetailsStart != nil { readNestedFields() }
    let userID = bytes(of: user, "user_id")
    let itemID = bytes(of: item, "item_id")
    let dedupeID = bytes(ofEventID: eventID)
    if let fault { return .failure(fault) }
    guard let userID else { return .failure(DecodingFailure(.missingUserID, "user_id is missing or null")) }
    guard let itemID else { return .failure(DecodingFailure(.missingItemID, "item_id is missing or null")) }
    guard let weight = weightOfType() else { return .ignored(.unknownType) }

    var clamped: ClampedFields = []
    let bounded = max(-rules.input.maxValue, min(rules.input.maxValue, value ?? 1))
    if let value, bounded != value { clamped.insert(.value) }
    let time = timeMilliseconds ?? record.timestampMilliseconds ?? fallbackMilliseconds
    let boundedTime = max(DecodingRules.earliestMilliseconds, min(latestMilliseconds(record), time))
    if boundedTime != time { clamped.insert(.timestamp) }
    let interaction = Interaction(
      user: userID, item: itemID, strength: rules.strength(value: bounded, weight: weight), timeMilliseconds: boundedTime,
      operation: operation, eventID: dedupeID)
    let keyMismatch = record.key.map { $0 != userID } ?? false
    return .interaction(interaction, clamped: clamped, keyMismatch: keyMismatch)
  }

  /// The latest time that an event may have. It depends on the record's own time and not on the clock, so that replaying the log gives
  /// the same state.
  private func latestMilliseconds(_ record: Record) -> Int64 {
    guard let recorded = record.timestampMilliseconds else { return InteractionOrder.latestMilliseconds }
    let (latest, overflow) = recorded.addingReportingOverflow(rules.maxFutureMilliseconds)
    return min(overflow ? .max : latest, InteractionOrder.latestMilliseconds)
  }

  private func weightOfType() -> Double? {
    guard let eventType else {
      let name: StaticString = "interaction"
      return rules.weight(ofType: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    guard eventType.isEscaped else { return rules.weight(ofType: raw(eventType)) }
    return scanner.bytes(of: eventType).withUnsafeBufferPointer(rules.weight(ofType:))
  }

  @inline(__always) private mutating func bytes(of id: ID, _ name: StaticString) -> [UInt8]? {
    switch id {
    case .missing: return nil
    case .integer(let value): return Array(String(value).utf8)
    case .text(let text):
      // Only an escaped text can contain a zero byte.
      if !text.isEscaped, 1...rules.input.maxIDBytes ~= text.count { return scanner.bytes(of: text) }
      let id = scanner.bytes(of: text)
      if fault == nil { fault = rules.fault(ofID: id, "\(name)") }
      return id
    }
  }

  @inline(__always) private mutating func bytes(ofEventID id: ID) -> [UInt8]? {
    switch id {
    case .missing: return nil
    case .integer(let value): return Array(String(value).utf8)
    case .text(let text):
      let id = scanner.bytes(of: text)
      if id.isEmpty { note(.badID, "event_id is empty") }
      if id.count > DecodingRules.maxTextBytes {
        note(.idTooLong, "event_id has more than \(DecodingRules.maxTextBytes) bytes")
      }
      return id
    }
  }
}

// MARK: Google's nested fields

extension EventReader {
  /// Takes `userInfo.userId` if there is no other user id, and the first product of `productDetails` with its quantity.
  ///
  /// The first pass has validated these objects, including their depth, so nothing here can throw.
  private mutating func readNestedFields() {
    let end = scanner.at
    if let userInfoStart, case .missing = user {
      scanner.at = userInfoStart
      forEachField { reader, name throws(JSONFault) in
        guard matchesIgnoringCase(name, "userid") else { return false }
        reader.user = try reader.readID(.user)
        return true
      }
    }
    if let productDetailsStart {
      scanner.at = productDetailsStart
      if enterFirstElement() { readProduct() }
    }
    scanner.at = end
  }

  private mutating func readProduct() {
    forEachField { reader, name throws(JSONFault) in
      if matchesIgnoringCase(name, "quantity") {
        guard reader.takes(.eventValue) else { return false }
        try reader.readValue()
        return true
      }
      guard matchesIgnoringCase(name, "product") else { return false }
      let start = reader.scanner.at
      reader.forEachField { reader, name throws(JSONFault) in
        guard matchesIgnoringCase(name, "id"), reader.takes(.item) else { return false }
        reader.item = try reader.readID(.item)
        return true
      }
      reader.scanner.at = start
      return false
    }
  }

  /// Marks the field as seen. Returns false and records a fault if it was seen before.
  private mutating func takes(_ field: EventField) -> Bool {
    if seen & field.bit != 0 {
      noteDuplicate(field.name)
      return false
    }
    seen |= field.bit
    return true
  }

  private mutating func enterFirstElement() -> Bool {
    guard scanner.peek() == 0x5B else { return false }
    scanner.at += 1
    scanner.skipSpace()
    return scanner.peek() != 0x5D
  }

  /// Calls `body` for each field of the current object; `body` either reads the value and returns true, or returns false without reading.
  private mutating func forEachField(
    _ body: (inout EventReader, UnsafeBufferPointer<UInt8>) throws(JSONFault) -> Bool
  ) {
    guard scanner.peek() == 0x7B else { return }
    scanner.at += 1
    scanner.skipSpace()
    do throws(JSONFault) {
      while scanner.peek() == 0x22 {
        scanner.at += 1
        let name = scanner.bytes(of: try scanner.text())
        scanner.skipSpace()
        scanner.at += 1
        scanner.skipSpace()
        var taken = false
        try name.withUnsafeBufferPointer { bytes throws(JSONFault) in taken = try body(&self, bytes) }
        // The first pass has checked the depth.
        if !taken { try scanner.skipValue(open: 0) }
        scanner.skipSpace()
        guard scanner.peek() == 0x2C else { return }
        scanner.at += 1
        scanner.skipSpace()
      }
    } catch {
      preconditionFailure("a container was accepted and then refused: \(error)")
    }
  }
}

/// The names of fields that the engine does not read, kept only to detect repeated ones.
private struct UnknownNames {
  private var places: [JSONText] = []
  private var names: Set<[UInt8]> = []
  /// The number of names up to which comparing is faster than hashing.
  private static let compareMax = 12

  /// Inserts the name and returns whether it is new.
  mutating func insert(_ name: JSONText, in scanner: JSONScanner) -> Bool {
    if names.isEmpty, !name.isEscaped, places.count < Self.compareMax {
      let bytes = UnsafeBufferPointer(start: scanner.base + name.start, count: name.count)
      for place in places where place.count == name.count {
        if UnsafeBufferPointer(start: scanner.base + place.start, count: place.count).elementsEqual(bytes) { return false }
      }
      places.append(name)
      return true
    }
    if names.isEmpty { names = Set(places.map(scanner.bytes(of:))) }
    return names.insert(scanner.bytes(of: name)).inserted
  }
}
