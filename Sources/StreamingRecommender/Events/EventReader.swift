import Timestamps

/// Reads one JSON event of version 1 in a single pass. Records of other forms are read by `MappedReader`.
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
  private var into = ID.missing
  private var eventType: JSONText?
  private var operation: DecodingRules.OperationRule?
  private var changeOperation: DecodingRules.OperationRule?
  private var isDeleted = false
  private var value: Double?
  private var timeMilliseconds: Int64?
  private var clamped: ClampedFields = []
  private var hasContainer = false
  private var recommendationID: JSONText?
  /// Where the value of `impression` begins; it is read a second time only for events that name an answer.
  private var impressions: JSONScanner?
  /// The first byte of the object.
  private var start = 0

  init(rules: DecodingRules, bytes: UnsafeBufferPointer<UInt8>, start: Int) {
    self.rules = rules
    scanner = JSONScanner(bytes, from: start, depthMax: rules.input.maxDepth)
  }

  // MARK: Reading

  mutating func readRecord() throws(JSONFault) {
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    start = scanner.at
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
    if field == .container {
      hasContainer = true
      return try scanner.skipValue(open: 1)
    }
    if seen & field.bit != 0 { noteDuplicate(field.name) }
    seen |= field.bit
    switch field {
    case .user: user = try readID(field)
    case .item: item = try readID(field)
    case .eventID: eventID = try readID(field)
    case .into: into = try readID(field)
    case .eventType: try readEventType()
    case .eventValue: try readValue()
    case .timestamp: try readTimestamp()
    // `timestamp` goes first, wherever it stands.
    case .timestampMilliseconds: if timeMilliseconds == nil { try readTimestamp() } else { try scanner.skipValue(open: 1) }
    case .operation: operation = try readOperation()
    case .changeOperation: changeOperation = try readOperation()
    case .deleted: try readDeleted()
    case .sessionID: _ = try readShortText(field)
    case .recommendationID: recommendationID = try readShortText(field)
    case .impression:
      impressions = scanner
      try readImpression()
    case .properties, .container: try scanner.skipValue(open: 1)
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
    let start = scanner
    switch scanner.peek() {
    case 0x2D, 0x30...0x39:
      let number = try scanner.number()
      if number.isPlainInteger, rules.readsAutomaticTimes, let integer = scanner.integer(number) {
        let milliseconds = EpochTime.milliseconds(fromInteger: integer)
        if DecodingRules.undoubtedTimes ~= milliseconds {
          timeMilliseconds = milliseconds
          return
        }
      }
    case 0x22:
      scanner.at += 1
      let text = try scanner.text()
      if !text.isEscaped, rules.readsAutomaticTimes, let milliseconds = TimestampText.milliseconds(fromRFC3339: raw(text)) {
        timeMilliseconds = milliseconds
        return
      }
    default: try scanner.skipValue(open: 1)
    }
    interpretTime(at: start)
  }

  @inline(never) private mutating func interpretTime(at start: JSONScanner) {
    switch rules.time(at: start) {
    case .time(let milliseconds): timeMilliseconds = milliseconds
    case .none: break
    case .replaced: clamped.insert(.unreadableTimestamp)
    case .failure(let failure): note(failure.reason, failure.message)
    }
  }

  private mutating func readOperation() throws(JSONFault) -> DecodingRules.OperationRule? {
    switch scanner.peek() {
    case 0x22:
      scanner.at += 1
      let text = try scanner.text()
      let known =
        text.isEscaped
        ? scanner.bytes(of: text).withUnsafeBufferPointer(rules.operation(ofCode:)) : rules.operation(ofCode: raw(text))
      if let known { return known }
    case 0x6E:
      try scanner.skipLiteral()
      return nil
    default: try scanner.skipValue(open: 1)
    }
    let rules = rules
    note(.badValue, "op must be one of \(rules.operationCodes); input.ops says what other codes mean")
    return nil
  }

  private mutating func readDeleted() throws(JSONFault) {
    let start = scanner
    try scanner.skipValue(open: 1)
    if start.peek() == 0x6E { return }
    do throws(DecodingFailure) { isDeleted = try rules.isSet(.json(start)) } catch { note(error.reason, error.message) }
  }

  /// Reads a text of which only the length is checked; a value of another type is accepted.
  /// Returns `nil` if the value is no text.
  private mutating func readShortText(_ field: EventField) throws(JSONFault) -> JSONText? {
    guard scanner.peek() == 0x22 else {
      try scanner.skipValue(open: 1)
      return nil
    }
    scanner.at += 1
    let text = try scanner.text()
    if text.count > DecodingRules.maxTextBytes, scanner.bytes(of: text).count > DecodingRules.maxTextBytes {
      note(.idTooLong, "\(field.name) has more than \(DecodingRules.maxTextBytes) bytes")
    }
    return text
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
      if scanner.peek() == 0x22 { _ = try readShortText(.impression) } else { try scanner.skipValue(open: 2) }
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

  /// How the record must be read instead, if its fields stand in the container of another system.
  var otherForm: DecodingRules.MappingPurpose? {
    if hasContainer { return fault?.reason == .notObject || fault?.reason == .duplicateField ? nil : .containers }
    if operation == .merge { return nil }
    if case .missing = user { return formOfEnvelope }
    if case .missing = item { return formOfEnvelope }
    return nil
  }

  /// A record without user or item at the top may be a changed row or a CloudEvent.
  private var formOfEnvelope: DecodingRules.MappingPurpose? {
    if fault?.reason == .notObject { return nil }
    var object = scanner
    object.at = start
    func isObject(_ name: StaticString) -> Bool { object.member(name)?.peek() == 0x7B }
    if object.member("specversion") != nil, object.member("data") != nil || object.member("data_base64") != nil {
      return .structuredCloudEvents
    }
    return isObject("payload") || isObject("after") || isObject("before") ? .changes : nil
  }

  mutating func decoded(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    let userID = bytes(of: user, "user_id")
    let itemID = bytes(of: item, "item_id")
    let dedupeID = bytes(ofEventID: eventID)
    if operation == .merge {
      let target = bytes(of: into, "into")
      if let fault { return .failure(fault) }
      return rules.merge(userID, into: target, record)
    }
    if let fault { return .failure(fault) }
    guard let rule = ruleOfType() else { return .ignored(.unknownType) }
    let operation = isDeleted ? .apply(.delete) : self.operation ?? changeOperation
    if rule.isIgnored || operation == .some(.ignore) { return .ignored(.ignoreRule) }
    guard let userID else { return .failure(DecodingFailure(.missingUserID, "user_id is missing or null")) }
    guard let itemID else { return .failure(DecodingFailure(.missingItemID, "item_id is missing or null")) }
    var draft = EventDraft(
      weight: rule.weight, value: value, timeMilliseconds: timeMilliseconds, operation: operation, typeOperation: rule.operation,
      eventID: dedupeID, typeHash: rules.input.dedupeWindow > 0 ? typeHash : 0, countsAsSeen: rule.countsAsSeen, clamped: clamped)
    if rules.keepsTypes, let eventType { draft.type = scanner.bytes(of: eventType) }
    if let recommendationID, recommendationID.count > 0 {
      draft.answer = ShownAnswer(scanner.bytes(of: recommendationID), impressions: impressions)
    }
    let event = rules.event(user: userID, item: itemID, draft, record, fallbackMilliseconds: fallbackMilliseconds)
    return .interaction(event.interaction, clamped: event.clamped, keyMismatch: event.keyMismatch)
  }

  /// The type as the record names it, for messages.
  var typeName: String? { eventType.map { String(decoding: scanner.bytes(of: $0), as: UTF8.self) } }

  private var typeHash: UInt32 { eventType.map { DecodingRules.hash(ofType: raw($0)) } ?? 0 }

  private func ruleOfType() -> TypeRule? {
    guard let eventType else { return rules.ruleWithoutType }
    guard eventType.isEscaped else { return rules.rule(ofType: raw(eventType)) }
    return scanner.bytes(of: eventType).withUnsafeBufferPointer(rules.rule(ofType:))
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
