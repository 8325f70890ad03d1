/// Decodes the bytes of a record into an interaction, or returns why it is rejected.
///
/// Decoding is pure: the same record, settings and fallback time give the same result. If a record has several faults, the one reported
/// is: first, that the value cannot be parsed; then a repeated field; then the first invalid field in the record; then a missing field.
public struct InteractionDecoder: Sendable {
  /// Stored behind one reference, so that passing the decoder on does not copy its settings.
  private let rules: DecodingRules

  public init(_ input: RecommenderConfiguration.Input) { rules = DecodingRules(input) }

  /// - Parameter fallbackMilliseconds: the time, in milliseconds since 1970, of an event for which neither payload nor record has one.
  public func decode(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    guard let value = record.value else { return tombstone(record, fallbackMilliseconds: fallbackMilliseconds) }
    guard !value.isEmpty else { return .failure(DecodingFailure(.empty, "the record's value is empty")) }
    guard value.count <= rules.input.maxRecordBytes else {
      return .failure(
        DecodingFailure(.tooLarge, "the value has \(value.count) bytes, more than input.max_record_bytes = \(rules.input.maxRecordBytes)"))
    }
    // Producers partition an empty key inconsistently: CRC32 treats it as absent and distributes the events, murmur2 hashes it to one
    // partition.
    if let key = record.key, key.isEmpty {
      return .failure(DecodingFailure(.noKey, "the record's key is empty; send the user id as key"))
    }
    return value.withUnsafeBufferPointer { bytes in
      let start: Int
      switch payloadStart(bytes) {
      case .success(let index): start = index
      case .failure(let failure): return .failure(failure)
      }
      if let mapping = record.headers.isEmpty ? rules.mapping : mappingOfCloudEvent(record) ?? rules.mapping {
        return decode(record, bytes, start, mapping, fallbackMilliseconds)
      }
      var event = EventReader(rules: rules, bytes: bytes, start: start)
      do throws(JSONFault) {
        try event.readRecord()
      } catch {
        return .failure(rules.failure(error))
      }
      if let form = event.otherForm { return decode(record, bytes, start, rules.mapping(for: form), fallbackMilliseconds) }
      return event.decoded(record, fallbackMilliseconds: fallbackMilliseconds)
    }
  }

  private func decode(
    _ record: Record, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ mapping: CompiledMapping, _ fallbackMilliseconds: Int64
  ) -> DecodedRecord {
    var reader = MappedReader(rules: rules, mapping: mapping, bytes: bytes, start: start)
    do throws(JSONFault) {
      try reader.readRecord(record)
    } catch {
      return .failure(rules.failure(error))
    }
    return reader.decoded(record, fallbackMilliseconds: fallbackMilliseconds)
  }

  /// The mapping of a CloudEvent, which its headers show; `nil` for other records.
  private func mappingOfCloudEvent(_ record: Record) -> CompiledMapping? {
    for header in record.headers {
      if header.name == "ce_specversion" { return rules.mapping(for: .binaryCloudEvents) }
      if header.name.lowercased() == "content-type",
        String(decoding: header.value.prefix(64), as: UTF8.self).lowercased().hasPrefix("application/cloudevents")
      {
        return rules.mapping(for: .structuredCloudEvents)
      }
    }
    return nil
  }

  // MARK: Tombstones

  private func tombstone(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    guard let key = record.key, !key.isEmpty else {
      return .failure(DecodingFailure(.noKey, "a tombstone (no value) needs a key that names the user to delete"))
    }
    let opened: OpenedKey
    switch rules.open(key) {
    case .success(let key): opened = key
    case .failure(let failure): return .failure(failure)
    }
    if let user = opened.user, let fault = rules.fault(ofID: user, "the tombstone's key") { return .failure(fault) }
    // A key of user and item is that of a row: the pair is deleted, not the user.
    if let user = opened.user, let item = opened.item {
      var draft = EventDraft()
      draft.operation = .apply(.delete)
      let event = rules.event(user: user, item: item, draft, record, fallbackMilliseconds: fallbackMilliseconds)
      return .interaction(event.interaction, clamped: event.clamped, keyMismatch: false)
    }
    // In change capture a tombstone follows the event that deleted the row.
    if rules.hasTombstonesOfRows, rules.key == .auto { return .ignored(.ignoreRule) }
    guard let user = opened.user else {
      return .failure(
        DecodingFailure(.noKey, "the tombstone's key is \(opened.form) and names no user; set input.key to json:PATH or text"))
    }
    return .forget(user: user, form: opened.form, rawKey: user == key ? nil : key)
  }

  // MARK: Frames

  /// Returns the offset of the JSON, after the Confluent frame if there is one. The schema id is ignored, because JSON is
  /// self-describing.
  private func payloadStart(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<Int, DecodingFailure> {
    guard rules.input.format == .auto else { return .success(0) }
    let frameLength: Int
    switch bytes[0] {
    case 0: frameLength = 5
    case 1: frameLength = 17
    default: return .success(0)
    }
    guard bytes.count > frameLength else {
      return .failure(
        DecodingFailure(.badFrame, "a Confluent frame of version \(bytes[0]) needs \(frameLength) bytes followed by a payload"))
    }
    var scanner = JSONScanner(bytes, from: frameLength, depthMax: rules.input.maxDepth)
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    guard scanner.peek() == 0x7B else {
      return .failure(DecodingFailure(.unknownSchema, "the framed payload is not a JSON object, and no schema registry is configured"))
    }
    return .success(frameLength)
  }
}
