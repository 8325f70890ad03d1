// The values of a record that a mapping found, as events.
extension MappedReader {
  private typealias Chain = CompiledMapping.Chain

  private enum Outcome {
    case event(DecodedEvent)
    case merge(user: [UInt8]?, into: [UInt8]?)
    case ignored(IgnoreReason)
    case failure(DecodingFailure)
  }

  /// All events of the record, or none: a fault of one rejects the record.
  mutating func decoded(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    if let fault { return .failure(fault) }
    let chain = chainOfEvents()
    guard chain.levels > 0 else { return single(record, fallbackMilliseconds) }
    var events: [DecodedEvent] = []
    var ignored: [IgnoreReason: Int] = [:]
    let places = elements(of: chain)
    guard !places.isEmpty else { return single(record, fallbackMilliseconds) }
    guard places.count <= rules.input.maxEventsPerRecord else {
      let limit = "input.max_events_per_record = \(rules.input.maxEventsPerRecord)"
      return .failure(DecodingFailure(.tooLarge, "the record holds \(places.count) events, more than \(limit)"))
    }
    for (index, place) in places.enumerated() {
      switch event(record, fallbackMilliseconds, chain, place.outer, place.inner, index: places.count > 1 ? index : nil) {
      case .event(let event): events.append(event)
      case .merge(let user, let into):
        if places.count == 1 { return rules.merge(user, into: into, record) }
        return .failure(DecodingFailure(.badValue, "event \(index) of the record: op merge needs a record of its own"))
      case .ignored(let reason): ignored[reason, default: 0] += 1
      case .failure(var failure):
        failure.message = "event \(index) of the record: \(failure.message)"
        return .failure(failure)
      }
    }
    if places.count == 1 {
      if let event = events.first { return .interaction(event.interaction, clamped: event.clamped, keyMismatch: event.keyMismatch) }
      if let reason = ignored.keys.first { return .ignored(reason) }
    }
    return .interactions(events, ignored: ignored)
  }

  private mutating func single(_ record: Record, _ fallbackMilliseconds: Int64) -> DecodedRecord {
    switch event(record, fallbackMilliseconds, Chain(), 0, 0, index: nil) {
    case .event(let event): .interaction(event.interaction, clamped: event.clamped, keyMismatch: event.keyMismatch)
    case .merge(let user, let into): rules.merge(user, into: into, record)
    case .ignored(let reason): .ignored(reason)
    case .failure(let failure): .failure(failure)
    }
  }

  // MARK: Which events there are

  /// The arrays whose elements are the events: those around the first place where an item was found.
  private func chainOfEvents() -> Chain {
    var chains: [Chain] = []
    for candidate in mapping.item where candidate.kind == .slot {
      if hasValue(candidate.number) { return candidate.chain }
      if candidate.chain.levels > 0 { chains.append(candidate.chain) }
    }
    return chains.first { chain in extents.contains { $0.array == chain.outer } } ?? Chain()
  }

  private func elements(of chain: Chain) -> [(outer: Int32, inner: Int32)] {
    var places: [(outer: Int32, inner: Int32)] = []
    for extent in extents where extent.array == (chain.inner >= 0 ? chain.inner : chain.outer) {
      // A few more than allowed are enough to refuse the record.
      let limit = Int32(clamping: rules.input.maxEventsPerRecord + 1 - places.count)
      for index in 0..<max(0, min(extent.count, limit)) {
        places.append(chain.inner >= 0 ? (extent.outer, index) : (index, 0))
      }
    }
    return places
  }

  // MARK: One event

  private mutating func event(
    _ record: Record, _ fallbackMilliseconds: Int64, _ chain: Chain, _ outer: Int32, _ inner: Int32, index: Int?
  ) -> Outcome {
    for rule in mapping.rules where matches(rule, record, chain, outer, inner) { return .ignored(.ignoreRule) }
    do throws(DecodingFailure) {
      var draft = EventDraft()
      draft.operation = try operation(chain, outer, inner)
      if draft.operation == .merge {
        return .merge(user: try id(mapping.user, .user, chain, outer, inner), into: try id(mapping.into, .into, chain, outer, inner))
      }
      guard let rule = try ruleOfType(chain, outer, inner, into: &draft) else { return .ignored(.unknownType) }
      if rule.isIgnored { return .ignored(.ignoreRule) }
      draft.weight = rule.weight
      draft.countsAsSeen = rule.countsAsSeen
      if let index { draft.typeHash &+= UInt32(truncatingIfNeeded: index) }
      if draft.operation == .some(.ignore) { return .ignored(.ignoreRule) }
      draft.typeOperation = rule.operation
      try readTime(into: &draft, record, chain, outer, inner)
      let user = try id(mapping.user, .user, chain, outer, inner)
      let item = try id(mapping.item, .item, chain, outer, inner)
      draft.eventID = try eventID(chain, outer, inner, index: index)
      draft.value = try value(chain, outer, inner)
      draft.answer = answer(chain, outer, inner)
      guard let user else { return .failure(missing(.user, .missingUserID)) }
      guard let item else { return .failure(missing(.item, .missingItemID)) }
      return .event(rules.event(user: user, item: item, draft, record, fallbackMilliseconds: fallbackMilliseconds))
    } catch {
      return .failure(error)
    }
  }

  private func missing(_ field: EventField, _ reason: RejectionReason) -> DecodingFailure {
    let places = mapping.places[field] ?? ""
    let looked = places.isEmpty ? "" : "; it was looked for at \(places.count > 300 ? String(places.prefix(300)) + "..." : places)"
    return DecodingFailure(reason, "\(field.name) is missing or null\(looked)")
  }

  /// The value of the first candidate that has one which is not an empty text; else the empty text.
  private mutating func first(
    _ candidates: [CompiledMapping.Candidate], _ field: EventField, _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) throws(DecodingFailure) -> MappedValue? {
    // Most fields of most records are absent.
    guard let start = candidates.firstIndex(where: { $0.kind != .slot || hasValue($0.number) }) else { return nil }
    var found: MappedValue?
    var isFoundEmpty = true
    for candidate in candidates[start...] {
      let mayRepeat = !mapping.isExclusive || candidate.isFallback
      if mayRepeat, !isFoundEmpty { continue }
      if !mayRepeat, found != nil, isPresent(candidate) {
        throw DecodingFailure(.duplicateField, "\(field.name) appears more than once (under this name or an alias)")
      }
      guard isFoundEmpty, let next = value(candidate, chain, outer, inner) else { continue }
      found = next
      isFoundEmpty = next.isEmptyText
      if !mapping.isExclusive, !isFoundEmpty { return found }
    }
    return found
  }

  private func isPresent(_ candidate: CompiledMapping.Candidate) -> Bool { candidate.kind == .slot && hasValue(candidate.number) }

  @inline(__always) private mutating func value(
    _ candidate: CompiledMapping.Candidate, _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) -> MappedValue? {
    switch candidate.kind {
    case .slot:
      guard hasValue(candidate.number), candidate.chain.isWithin(chain) else { return nil }
      return value(candidate.number, candidate.chain, outer: outer, inner: inner)
    case .constant: return .constant(mapping.constants[Int(candidate.number)])
    case .recordTime: return nil
    }
  }

  private mutating func matches(
    _ rule: CompiledMapping.Rule, _ record: Record, _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) -> Bool {
    guard let value = value(rule.candidate, chain, outer, inner) else { return false }
    let isListed = value.withText { text in rule.values.contains { text.elementsEqual($0) } }
    return isListed != rule.isNegated
  }

  // MARK: Fields

  private mutating func id(
    _ candidates: [CompiledMapping.Candidate], _ field: EventField, _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) throws(DecodingFailure) -> [UInt8]? {
    guard let value = try first(candidates, field, chain, outer, inner) else { return nil }
    let bytes = try idText(value, field)
    if let fault = rules.fault(ofID: bytes, field.name) { throw fault }
    return bytes
  }

  private func idText(_ value: MappedValue, _ field: EventField) throws(DecodingFailure) -> [UInt8] {
    switch value {
    case .json(var scanner):
      if scanner.peek() == 0x22 { return scanner.validatedText() }
      if scanner.isAtNumber, let integer = scanner.integer(scanner.validatedNumber()) { return Array(String(integer).utf8) }
      throw DecodingFailure(.badID, "\(field.name) must be a string or a 64-bit integer")
    case .text(let bytes):
      guard isValidUTF8(bytes) else { throw DecodingFailure(.badUTF8, "\(field.name) is not UTF-8") }
      return Array(bytes)
    case .constant(let bytes): return bytes
    }
  }

  private mutating func eventID(
    _ chain: Chain, _ outer: Int32, _ inner: Int32, index: Int?
  ) throws(DecodingFailure) -> [UInt8]? {
    guard let value = try first(mapping.eventID, .eventID, chain, outer, inner), !value.isEmptyText else { return nil }
    var bytes = try idText(value, .eventID)
    if bytes.count > DecodingRules.maxTextBytes {
      throw DecodingFailure(.idTooLong, "event_id has more than \(DecodingRules.maxTextBytes) bytes")
    }
    // An id of the record names each of its events with their number.
    if let index, !isIDOfElement(chain, outer, inner) { bytes += "#\(index)".utf8 }
    return bytes
  }

  /// What the user was shown; `nil` if the event does not say so in one place. It decides nothing about the event, so nothing of it is a fault.
  private mutating func answer(_ chain: Chain, _ outer: Int32, _ inner: Int32) -> ShownAnswer? {
    guard case .json(var text)? = try? first(mapping.recommendationID, .recommendationID, chain, outer, inner), text.peek() == 0x22 else {
      return nil
    }
    let id = text.validatedText()
    guard 1...DecodingRules.maxTextBytes ~= id.count else { return nil }
    guard case .json(let list)? = try? first(mapping.impression, .impression, chain, outer, inner) else {
      return ShownAnswer(id, impressions: nil)
    }
    return ShownAnswer(id, impressions: list)
  }

  /// Whether the event's id stands in the same element as the event.
  private mutating func isIDOfElement(_ chain: Chain, _ outer: Int32, _ inner: Int32) -> Bool {
    for candidate in mapping.eventID {
      guard candidate.kind == .slot, let found = value(candidate, chain, outer, inner), !found.isEmptyText else { continue }
      return candidate.chain == chain
    }
    return false
  }

  private mutating func ruleOfType(
    _ chain: Chain, _ outer: Int32, _ inner: Int32, into draft: inout EventDraft
  ) throws(DecodingFailure) -> TypeRule? {
    guard let value = try first(mapping.eventType, .eventType, chain, outer, inner), !value.isEmptyText else {
      return rules.ruleWithoutType
    }
    if case .json(var scanner) = value, scanner.peek() != 0x22 {
      guard scanner.isAtNumber, let integer = scanner.integer(scanner.validatedNumber()) else {
        throw DecodingFailure(.badEventType, "event_type must be a string or an integer")
      }
      draft.typeHash = UInt32(truncatingIfNeeded: integer)
      if rules.keepsTypes { draft.type = Array(String(integer).utf8) }
      return Array(String(integer).utf8).withUnsafeBufferPointer(rules.rule(ofType:))
    }
    if rules.input.dedupeWindow > 0 { draft.typeHash = value.withText(DecodingRules.hash(ofType:)) }
    if rules.keepsTypes { draft.type = value.withText { Array($0) } }
    let (rule, characters) = value.withText { text in
      (rules.rule(ofType: text), text.count > DecodingRules.maxEventTypeCharacters ? text.count { $0 & 0xC0 != 0x80 } : 1)
    }
    guard characters <= DecodingRules.maxEventTypeCharacters else {
      throw DecodingFailure(
        .badEventType, "event_type must have 1 to \(DecodingRules.maxEventTypeCharacters) characters, got \(characters)")
    }
    return rule
  }

  private mutating func value(_ chain: Chain, _ outer: Int32, _ inner: Int32) throws(DecodingFailure) -> Double? {
    guard let value = try first(mapping.eventValue, .eventValue, chain, outer, inner) else { return nil }
    let number: Double?
    switch value {
    case .json(var scanner) where scanner.isAtNumber: number = scanner.double(scanner.validatedNumber())
    case .json(let scanner) where scanner.peek() != 0x22: number = nil
    default:
      // Text that is a number: systems without decimals in JSON write them so.
      let text = value.withText { String(decoding: $0, as: UTF8.self) }
      let trimmed = InputText.trimmed(text[...])
      if trimmed.isEmpty { return nil }
      number = Double(String(trimmed)).flatMap { $0.isFinite ? $0 : nil }
    }
    guard let number else { throw DecodingFailure(.badValue, "event_value must be a number, a text with a number, or null") }
    return mapping.isZeroNoValue && number == 0 ? nil : number
  }

  private mutating func operation(
    _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) throws(DecodingFailure) -> DecodingRules.OperationRule? {
    if let flag = try first(mapping.deleted, .deleted, chain, outer, inner), try rules.isSet(flag) { return .apply(.delete) }
    guard let value = try first(mapping.operation, .operation, chain, outer, inner), !value.isEmptyText else { return nil }
    let known = value.withText { rules.operation(ofCode: $0) }
    guard let known else {
      throw DecodingFailure(.badValue, "op must be one of \(rules.operationCodes); input.ops says what other codes mean")
    }
    return known
  }

  private mutating func readTime(
    into draft: inout EventDraft, _ record: Record, _ chain: Chain, _ outer: Int32, _ inner: Int32
  ) throws(DecodingFailure) {
    for candidate in mapping.timestamp {
      if candidate.kind == .recordTime { return }
      guard value(candidate, chain, outer, inner) != nil else { continue }
      guard let value = try first(mapping.timestamp, .timestamp, chain, outer, inner) else { return }
      switch rules.time(of: value) {
      case .time(let milliseconds): draft.timeMilliseconds = milliseconds
      case .none: break
      case .replaced: draft.clamped.insert(.unreadableTimestamp)
      case .failure(let failure): throw failure
      }
      return
    }
  }
}

extension MappedValue {
  /// Whether it is a text without characters.
  var isEmptyText: Bool {
    switch self {
    case .json(let scanner): scanner.peek() == 0x22 && scanner.at + 1 < scanner.end && scanner.base[scanner.at + 1] == 0x22
    case .text(let bytes): bytes.isEmpty
    case .constant(let bytes): bytes.isEmpty
    }
  }

  /// Calls `body` with the characters of a string, and with the value as it is written for other types.
  func withText<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    switch self {
    case .text(let bytes): return body(bytes)
    case .constant(let bytes): return bytes.withUnsafeBufferPointer(body)
    case .json(var scanner):
      let start = scanner.at
      if scanner.peek() == 0x22 {
        scanner.at += 1
        guard let text = try? scanner.text() else { preconditionFailure("a text that was not validated") }
        if text.isEscaped { return scanner.bytes(of: text).withUnsafeBufferPointer(body) }
        return body(UnsafeBufferPointer(start: scanner.base + text.start, count: text.count))
      }
      guard (try? scanner.skipValue(open: 0)) != nil else { preconditionFailure("a value that was not validated") }
      return body(UnsafeBufferPointer(start: scanner.base + start, count: scanner.at - start))
    }
  }
}

extension JSONScanner {
  var isAtNumber: Bool { peek() == 0x2D || 0x30...0x39 ~= peek() }

  /// The number from here, which has been validated before.
  mutating func validatedNumber() -> JSONNumber {
    guard let number = try? number() else { preconditionFailure("a number that was not validated") }
    return number
  }

  /// The content of the string from here, which has been validated before.
  mutating func validatedText() -> [UInt8] {
    at += 1
    guard let text = try? text() else { preconditionFailure("a text that was not validated") }
    return bytes(of: text)
  }
}

extension MappedReader {
  /// The user and the item of a key.
  mutating func userAndItem() throws(DecodingFailure) -> (user: [UInt8]?, item: [UInt8]?) {
    if let fault { throw fault }
    let user = try id(mapping.user, .user, CompiledMapping.Chain(), 0, 0)
    return (user, try id(mapping.item, .item, CompiledMapping.Chain(), 0, 0))
  }
}
