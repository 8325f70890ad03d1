/// Decodes the bytes of a record into an interaction, or returns why it is rejected.
///
/// Decoding is pure: the same record, settings and fallback time give the same result. If a record has several faults, the one reported
/// is: first, that the value cannot be parsed; then a repeated field; then the first invalid field in the record; then a missing field.
public struct InteractionDecoder: Sendable {
  /// Stored behind one reference, so that passing the decoder on does not copy its settings.
  private let rules: DecodingRules

  /// - Parameter payloads: opens payloads of other formats than JSON; without it they are rejected as `unknown_schema`.
  public init(_ input: RecommenderConfiguration.Input, payloads: (any PayloadDecoder)? = nil) {
    rules = DecodingRules(input, payloads: payloads)
  }

  /// The same decoder with something that opens payloads of other formats than JSON.
  public func opening(_ payloads: any PayloadDecoder) -> InteractionDecoder {
    InteractionDecoder(DecodingRules(rules.input, payloads: payloads, keepsTypes: rules.keepsTypes))
  }

  /// The same decoder, whose interactions name the types of their events.
  func keepingTypes() -> InteractionDecoder {
    InteractionDecoder(DecodingRules(rules.input, payloads: rules.payloads, keepsTypes: true))
  }

  private init(_ rules: DecodingRules) { self.rules = rules }

  public var payloads: (any PayloadDecoder)? { rules.payloads }

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
      if bytes[0] > 1, rules.isPlainJSON, record.headers.isEmpty { return decode(record, bytes, from: 0, fallbackMilliseconds) }
      return decode(record, bytes, in: rules.form(of: record, bytes), fallbackMilliseconds)
    }
  }

  private func decode(
    _ record: Record, _ bytes: UnsafeBufferPointer<UInt8>, in form: RecordForm, _ fallbackMilliseconds: Int64
  ) -> DecodedRecord {
    let payload: SchemaPayload
    switch form {
    case .json(let start): return decode(record, bytes, from: start, fallbackMilliseconds)
    case .failure(let failure): return .failure(failure)
    case .schema(let found): payload = found
    case .perhapsJSON(let start, let found):
      let decoded = decode(record, bytes, from: start, fallbackMilliseconds)
      // Bytes of another format may begin with a brace, too, but they are no JSON.
      guard rules.payloads != nil, case .failure(let failure) = decoded, failure.reason == .badJSON || failure.reason == .badUTF8 else {
        return decoded
      }
      payload = found
    }
    switch rules.open(payload) {
    case .json(let json): return json.withUnsafeBufferPointer { decode(record, $0, from: 0, fallbackMilliseconds) }
    case .isJSON:
      guard payload.bytes.count > 0 else { return .failure(DecodingFailure(.badFrame, "nothing follows the frame")) }
      return decode(record, payload.bytes, from: 0, fallbackMilliseconds)
    case .waiting: return .waiting(payload.schema)
    case .failure(let failure): return .failure(failure)
    }
  }

  /// Decodes JSON that begins at `start`.
  private func decode(
    _ record: Record, _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, _ fallbackMilliseconds: Int64
  ) -> DecodedRecord {
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

  // MARK: Looking into a record

  /// The record's value as JSON, whatever its format is; `nil` for tombstones and for what cannot be opened now.
  public func json(of record: Record) -> [UInt8]? {
    guard let value = record.value, !value.isEmpty, value.count <= rules.input.maxRecordBytes else { return nil }
    return value.withUnsafeBufferPointer { bytes in
      let payload: SchemaPayload
      switch rules.form(of: record, bytes) {
      case .json(let start), .perhapsJSON(let start, _): return Array(bytes[start...])
      case .schema(let found): payload = found
      case .failure: return nil
      }
      switch rules.open(payload) {
      case .json(let json): return json
      case .isJSON: return Array(payload.bytes)
      case .waiting, .failure: return nil
      }
    }
  }

  /// The type of a record that was ignored because of it, for messages; decoding does not compute it, because it costs an allocation.
  public func typeName(of record: Record) -> String? {
    guard rules.mapping == nil, let json = json(of: record), !json.isEmpty else { return nil }
    return json.withUnsafeBufferPointer { bytes in
      var event = EventReader(rules: rules, bytes: bytes, start: 0)
      do throws(JSONFault) { try event.readRecord() } catch { return nil }
      return event.typeName
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

  private static let contentType = "content-type"

  /// The mapping of a CloudEvent, which its headers show; `nil` for other records.
  private func mappingOfCloudEvent(_ record: Record) -> CompiledMapping? {
    for header in record.headers {
      if header.name == "ce_specversion" { return rules.mapping(for: .binaryCloudEvents) }
      if header.name.utf8.count == Self.contentType.utf8.count, header.name.lowercased() == Self.contentType,
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
    let plainKey: [UInt8]
    switch rules.plainKey(of: record, key) {
    case .json(let json): plainKey = json
    case .isJSON: plainKey = key
    case .waiting: return .waiting(rules.schema(ofKey: key, record) ?? .file)
    case .failure(let failure): return .failure(failure)
    }
    switch rules.open(plainKey) {
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
}
