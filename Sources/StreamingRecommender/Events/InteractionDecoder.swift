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
    guard let value = record.value else { return tombstone(key: record.key) }
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
      var event = EventReader(rules: rules, bytes: bytes, start: start)
      do throws(JSONFault) {
        try event.readRecord()
      } catch {
        return .failure(failure(error))
      }
      return event.decoded(record, fallbackMilliseconds: fallbackMilliseconds)
    }
  }

  /// The type of a record that was ignored because of it, for messages; decoding does not compute it, because it costs an allocation.
  public func typeName(of record: Record) -> String? {
    guard let value = record.value, !value.isEmpty, value.count <= rules.input.maxRecordBytes else { return nil }
    return value.withUnsafeBufferPointer { bytes in
      guard case .success(let start) = payloadStart(bytes) else { return nil }
      var event = EventReader(rules: rules, bytes: bytes, start: start)
      do throws(JSONFault) { try event.readRecord() } catch { return nil }
      return event.typeName
    }
  }

  private func tombstone(key: [UInt8]?) -> DecodedRecord {
    guard let key, !key.isEmpty else {
      return .failure(DecodingFailure(.noKey, "a tombstone (no value) needs a key that names the user to delete"))
    }
    let isUTF8 = key.withUnsafeBufferPointer(isValidUTF8)
    if !isUTF8 { return .failure(DecodingFailure(.badUTF8, "the tombstone's key is not UTF-8")) }
    if let failure = rules.fault(ofID: key, "the tombstone's key") { return .failure(failure) }
    return .forget(user: key)
  }

  private func failure(_ fault: JSONFault) -> DecodingFailure {
    switch fault {
    case .syntax(let at, let complaint): DecodingFailure(.badJSON, "not JSON at byte \(at): \(complaint)")
    case .utf8(let at): DecodingFailure(.badUTF8, "not UTF-8, or half of a surrogate pair, at byte \(at)")
    case .tooDeep(let at): DecodingFailure(.tooDeep, "nested deeper than input.max_depth = \(rules.input.maxDepth) at byte \(at)")
    }
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
