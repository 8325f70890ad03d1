#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Turns the bytes of a record into an interaction, or says why it cannot.
///
/// Pure: the same record, settings and time give the same answer. Unreadable bytes are reported before faults of single fields,
/// and of those a repeated field first, then the first in the record, then what is missing.
public struct InteractionDecoder: Sendable {
  /// Behind one reference, so that handing it to a reader costs one count and not a copy of every setting.
  private let rules: DecodingRules

  public init(_ input: RecommenderConfiguration.Input) { rules = DecodingRules(input) }

  public func decode(_ record: Record, nowMilliseconds: Int64) -> DecodedRecord {
    rules.decode(record, nowMilliseconds: nowMilliseconds)
  }
}

/// The settings of a decoder in the form that reading wants.
final class DecodingRules: Sendable {
  let input: RecommenderConfiguration.Input
  let aliases: EventAliases
  let maxFutureMilliseconds: Int64
  /// Few, so looking through them costs less than hashing.
  private let weights: [(type: [UInt8], weight: Double)]

  /// `session_id`, `recommendation_id`, `event_id` and the parts of `impression`, in bytes.
  static let maxTextBytes = 256
  static let maxEventTypeCharacters = 64
  static let maxImpressionItems = 100

  init(_ input: RecommenderConfiguration.Input) {
    self.input = input
    aliases = EventAliases(input.aliases)
    let (seconds, attoseconds) = input.maxFuture.components
    maxFutureMilliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    weights = input.weights.sorted { $0.key < $1.key }.map { (Array($0.key.utf8), $0.value) }
  }

  func decode(_ record: Record, nowMilliseconds: Int64) -> DecodedRecord {
    guard let value = record.value else { return tombstone(key: record.key) }
    guard !value.isEmpty else { return .failure(DecodingFailure(.empty, "the record's value is empty")) }
    guard value.count <= input.maxRecordBytes else {
      return .failure(
        DecodingFailure(.tooLarge, "the value has \(value.count) bytes, more than input.max_record_bytes = \(input.maxRecordBytes)"))
    }
    // A key of no bytes spreads one user's events over partitions (CRC32) or puts all of them into one (murmur2).
    if let key = record.key, key.isEmpty {
      return .failure(DecodingFailure(.noKey, "the record's key is there but empty; send the user id as key"))
    }
    return value.withUnsafeBufferPointer { bytes in
      let start: Int
      switch payloadStart(bytes) {
      case .success(let index): start = index
      case .failure(let failure): return .failure(failure)
      }
      var event = EventReader(rules: self, bytes: bytes, start: start)
      do throws(JSONFault) {
        try event.readRecord()
      } catch {
        return .failure(Self.failure(error, input))
      }
      return event.decoded(record, nowMilliseconds: nowMilliseconds)
    }
  }

  private func tombstone(key: [UInt8]?) -> DecodedRecord {
    guard let key, !key.isEmpty else {
      return .failure(DecodingFailure(.noKey, "a tombstone (no value) forgets the user that its key names, and there is no key"))
    }
    let isUTF8 = key.withUnsafeBufferPointer(isValidUTF8)
    if !isUTF8 { return .failure(DecodingFailure(.badUTF8, "the tombstone's key is not UTF-8")) }
    if let failure = fault(ofID: key, "the tombstone's key") { return .failure(failure) }
    return .forget(user: key)
  }

  /// Rules that hold for every id once its text is known.
  func fault(ofID id: [UInt8], _ name: String) -> DecodingFailure? {
    if id.isEmpty { return DecodingFailure(.badID, "\(name) is empty") }
    if id.count > input.maxIDBytes {
      return DecodingFailure(.idTooLong, "\(name) has \(id.count) bytes, more than input.max_id_bytes = \(input.maxIDBytes)")
    }
    if id.contains(0) { return DecodingFailure(.badID, "\(name) contains a zero byte") }
    return nil
  }

  private static func failure(_ fault: JSONFault, _ input: RecommenderConfiguration.Input) -> DecodingFailure {
    switch fault {
    case .syntax(let at, let complaint): DecodingFailure(.badJSON, "not JSON at byte \(at): \(complaint)")
    case .utf8(let at): DecodingFailure(.badUTF8, "not UTF-8, or half of a surrogate pair, at byte \(at)")
    case .tooDeep(let at): DecodingFailure(.tooDeep, "nested deeper than input.max_depth = \(input.maxDepth) at byte \(at)")
    }
  }

  // MARK: Frames

  /// Where the JSON begins: behind a Confluent frame if there is one. Its schema id does not matter, JSON explains itself.
  private func payloadStart(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<Int, DecodingFailure> {
    guard input.format == .auto else { return .success(0) }
    let frameLength: Int
    switch bytes[0] {
    case 0: frameLength = 5
    case 1: frameLength = 17
    default: return .success(0)
    }
    guard bytes.count > frameLength else {
      return .failure(
        DecodingFailure(.badFrame, "a Confluent frame of version \(bytes[0]) needs \(frameLength) bytes and a payload behind them"))
    }
    var scanner = JSONScanner(bytes, from: frameLength, depthMax: input.maxDepth)
    scanner.skipByteOrderMark()
    scanner.skipSpace()
    guard scanner.peek() == 0x7B else {
      return .failure(DecodingFailure(.unknownSchema, "the framed payload is no JSON object, and no schema registry is configured"))
    }
    return .success(frameLength)
  }

  // MARK: Strength

  /// What a type of event weighs; `nil`: it is not known and such events are to be ignored.
  func weight(ofType type: UnsafeBufferPointer<UInt8>) -> Double? {
    if weights.isEmpty { return input.defaultWeight }
    for (name, weight) in weights where name.count == type.count && isEqual(name, type) { return weight }
    return input.unknownType == .apply || matches(type, "interaction") ? input.defaultWeight : nil
  }

  private func isEqual(_ name: [UInt8], _ type: UnsafeBufferPointer<UInt8>) -> Bool {
    for index in 0..<type.count where name[index] != type[index] { return false }
    return true
  }

  func strength(value: Double, weight: Double) -> Float {
    let raw =
      switch input.strength {
      case .weight: value
      case .log1p: copysign(log1p(value.magnitude), value)
      case .ignore: 1.0
      }
    let bound = min(input.maxStrength, Double(Float.greatestFiniteMagnitude))
    return Float(max(-bound, min(bound, raw * weight)))
  }
}

extension JSONScanner {
  mutating func skipByteOrderMark() {
    if at + 3 <= end, base[at] == 0xEF, base[at + 1] == 0xBB, base[at + 2] == 0xBF { at += 3 }
  }
}
