/// What was read of an event before its bounds are applied.
struct EventDraft {
  var weight = 1.0
  var value: Double?
  var timeMilliseconds: Int64?
  /// What the record says is to be done.
  var operation: DecodingRules.OperationRule?
  /// What the event's type says.
  var typeOperation: Interaction.Operation?
  var eventID: [UInt8]?
  /// See `Interaction.typeHash`.
  var typeHash: UInt32 = 0
  /// See `Interaction.type`.
  var type: [UInt8]?
  var countsAsSeen = true
  var clamped: ClampedFields = []
  var answer: ShownAnswer?

  /// A deletion counts whoever says it; otherwise the record goes before the type.
  var resultingOperation: Interaction.Operation {
    if typeOperation == .delete { return .delete }
    if case .apply(let operation)? = operation { return operation }
    return typeOperation ?? .add
  }
}

extension DecodingRules {
  /// Makes the event: bounds value and time, and compares the key.
  @inline(__always) func event(
    user: [UInt8], item: [UInt8], _ draft: EventDraft, _ record: Record, fallbackMilliseconds: Int64
  ) -> DecodedEvent {
    var clamped = draft.clamped
    let bounded = max(-input.maxValue, min(input.maxValue, draft.value ?? 1))
    if let value = draft.value, bounded != value { clamped.insert(.value) }
    let time = draft.timeMilliseconds ?? record.timestampMilliseconds ?? fallbackMilliseconds
    let boundedTime = max(Self.earliestMilliseconds, min(latestMilliseconds(record), time))
    if boundedTime != time { clamped.insert(.timestamp) }
    var interaction = Interaction(
      user: user, item: item, strength: strength(value: bounded, weight: draft.weight), timeMilliseconds: boundedTime,
      operation: draft.resultingOperation, eventID: draft.eventID,
      typeHash: draft.timeMilliseconds != nil && input.dedupeWindow > 0 ? draft.typeHash : nil, countsAsSeen: draft.countsAsSeen)
    if draft.answer != nil { interaction.answer = draft.answer }
    if draft.type != nil { interaction.type = draft.type }
    return DecodedEvent(interaction: interaction, clamped: clamped, keyMismatch: isMismatch(record, user))
  }

  /// A record that joins two ids.
  func merge(_ user: [UInt8]?, into: [UInt8]?, _ record: Record) -> DecodedRecord {
    guard let user else { return .failure(DecodingFailure(.missingUserID, "user_id is missing or null")) }
    guard let into else { return .failure(DecodingFailure(.missingUserID, "into, the id of the user to merge into, is missing or null")) }
    let isKeyOfEither = !isMismatch(record, user) || !isMismatch(record, into)
    return .merge(user: user, into: into, keyMismatch: !isKeyOfEither)
  }

  /// The latest time that an event may have. It depends on the record's own time and not on the clock, so that replaying the log gives
  /// the same state.
  private func latestMilliseconds(_ record: Record) -> Int64 {
    guard let recorded = record.timestampMilliseconds else { return InteractionOrder.latestMilliseconds }
    let (latest, overflow) = recorded.addingReportingOverflow(maxFutureMilliseconds)
    return min(overflow ? .max : latest, InteractionOrder.latestMilliseconds)
  }

  static func hash(ofType type: UnsafeBufferPointer<UInt8>) -> UInt32 { type.fnv1a }

  @inline(__always) private func isMismatch(_ record: Record, _ user: [UInt8]) -> Bool {
    guard let key = record.key, key != user else { return false }
    return !names(user, key, of: record)
  }

  /// Whether a flag says that the row is deleted. A time counts as set: it says when.
  func isSet(_ value: MappedValue) throws(DecodingFailure) -> Bool {
    let text = value.withText { String(decoding: $0, as: UTF8.self).lowercased() }
    switch text {
    case "", "false", "0", "f", "n", "no": return false
    case "true", "1", "t", "y", "yes": return true
    default:
      if case .time = time(of: value) { return true }
      throw DecodingFailure(.badValue, "the flag of a deleted row must be true, false or a time")
    }
  }
}
