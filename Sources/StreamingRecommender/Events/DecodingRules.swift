#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
import Synchronization
import Timestamps

/// The decoder's settings, prepared once in the form that the per-record code reads.
final class DecodingRules: Sendable {
  let input: RecommenderConfiguration.Input
  let aliases: EventAliases
  let maxFutureMilliseconds: Int64
  let timestampFormat: TimestampFormat
  /// Whether times have no format of their own.
  let readsAutomaticTimes: Bool
  let key: KeyRule
  /// The mapping of all records; `nil` while `EventReader` reads them.
  let mapping: CompiledMapping?
  let hasTombstonesOfRows: Bool
  /// Opens payloads of other formats than JSON.
  let payloads: (any PayloadDecoder)?
  let hasSchemaFile: Bool
  /// Whether a value without headers and frame can only be JSON.
  let isPlainJSON: Bool
  /// Whether interactions name the type of their event.
  let keepsTypes: Bool
  private let types: TypeRules
  private let operations: [(code: [UInt8], rule: OperationRule)]
  /// Made when the first record needs them.
  private let mappings = Mutex<[MappingPurpose: CompiledMapping]>([:])

  /// What is done with a row, as a code of change capture says.
  enum OperationRule: Equatable, Sendable {
    case apply(Interaction.Operation)
    case merge
    case ignore
  }

  /// What a mapping is for, apart from the plain records of a mapped input.
  enum MappingPurpose: Hashable {
    /// Events of version 1 in the containers of other systems.
    case containers
    /// Change capture that was not configured.
    case changes
    case binaryCloudEvents, structuredCloudEvents
    case keys
  }

  /// 2000-01-01T00:00:00Z, the earliest time that an event may have.
  static let earliestMilliseconds: Int64 = 946_684_800_000
  /// Integers in this range of milliseconds are times and nothing else: 2000 to 2100.
  static let undoubtedTimes: Range<Int64> = earliestMilliseconds..<4_102_444_800_000
  /// The largest length in bytes of `session_id`, `recommendation_id`, `event_id` and each text in `impression`.
  static let maxTextBytes = 256
  static let maxEventTypeCharacters = 64
  static let maxImpressionItems = 100

  /// The settings have been checked where they were read; here a fault in them is a programming error.
  init(_ input: RecommenderConfiguration.Input, payloads: (any PayloadDecoder)? = nil, keepsTypes: Bool = false) {
    self.input = input
    self.payloads = payloads
    self.keepsTypes = keepsTypes
    hasSchemaFile = payloads != nil && !input.schemaFile.isEmpty
    isPlainJSON = input.format == .json || (!hasSchemaFile && (input.format == .auto || input.format == .cloudEvents))
    aliases = EventAliases(input.aliases)
    let (seconds, attoseconds) = input.maxFuture.components
    maxFutureMilliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    guard let format = try? TimestampFormat(input.timestampFormat), let key = try? KeyRule(input.key) else {
      preconditionFailure("input.timestamp_format or input.key was not checked")
    }
    timestampFormat = format
    readsAutomaticTimes = format.isAutomatic
    self.key = key
    let preset = InputPreset(input)
    hasTombstonesOfRows = preset.hasTombstonesOfRows
    let isPlain = input.preset == .freshet && input.fields.isEmpty && input.ignore.isEmpty
    if input.format == .cloudEvents {
      // Those in binary mode are recognised by their headers.
      mapping = CompiledMapping(InputMapping(input).ofStructuredCloudEvents)
    } else {
      mapping = isPlain ? nil : CompiledMapping(InputMapping(input))
    }
    types = TypeRules(input, preset: preset.types)
    operations = Self.standardOperations.merging(input.operations) { $1 }.sorted { $0.key < $1.key }
      .compactMap { code, word in Self.operationRule(word).map { (Array(code.utf8), $0) } }
  }

  // MARK: Mappings

  func mapping(for purpose: MappingPurpose) -> CompiledMapping {
    mappings.withLock { made in
      if let known = made[purpose] { return known }
      let new = CompiledMapping(makeMapping(purpose))
      made[purpose] = new
      return new
    }
  }

  private func makeMapping(_ purpose: MappingPurpose) -> InputMapping {
    switch purpose {
    case .containers: InputMapping(input)
    case .changes: InputMapping(.debezium)
    case .binaryCloudEvents: InputMapping(input).ofBinaryCloudEvents
    case .structuredCloudEvents: InputMapping(input).ofStructuredCloudEvents
    case .keys: if case .json(let path) = key { .ofKey(at: path) } else { InputMapping(input).ofKeys }
    }
  }

  // MARK: Ids

  /// Returns why `id`, the bytes of the field `name`, is not a valid id, or `nil` if it is.
  func fault(ofID id: [UInt8], _ name: String) -> DecodingFailure? {
    if id.isEmpty { return DecodingFailure(.badID, "\(name) is empty") }
    if id.count > input.maxIDBytes {
      return DecodingFailure(.idTooLong, "\(name) has \(id.count) bytes, more than input.max_id_bytes = \(input.maxIDBytes)")
    }
    if id.contains(0) { return DecodingFailure(.badID, "\(name) contains a zero byte") }
    return nil
  }

  // MARK: Types, operations, strength

  /// What is done with events of this type, or `nil` if the type is unknown and its events are ignored.
  func rule(ofType type: UnsafeBufferPointer<UInt8>) -> TypeRule? { types.rule(of: type) }
  /// The rule for events without a type.
  var ruleWithoutType: TypeRule? { types.withoutType }

  static let standardOperations = [
    "add": "add", "once": "once", "set": "set", "delete": "delete", "merge": "merge", "c": "add", "u": "set", "r": "set", "d": "delete",
    // The enum of event-v1.proto.
    "OP_ADD": "add", "OP_SET": "set", "OP_DELETE": "delete", "OP_ONCE": "once", "OP_MERGE": "merge",
  ]

  static func operationRule(_ word: String) -> OperationRule? {
    switch word {
    case "add": .apply(.add)
    case "once": .apply(.once)
    case "set": .apply(.set)
    case "delete": .apply(.delete)
    case "merge": .merge
    case "ignore": .ignore
    default: nil
    }
  }

  func operation(ofCode code: UnsafeBufferPointer<UInt8>) -> OperationRule? {
    operations.first { $0.code.count == code.count && code.elementsEqual($0.code) }?.rule
  }

  /// The known codes, for messages.
  var operationCodes: String { operations.map { String(decoding: $0.code, as: UTF8.self) }.joined(separator: ", ") }

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

  // MARK: Messages

  func failure(_ fault: JSONFault) -> DecodingFailure {
    switch fault {
    case .syntax(let at, let complaint): DecodingFailure(.badJSON, "not JSON at byte \(at): \(complaint)")
    case .utf8(let at): DecodingFailure(.badUTF8, "not UTF-8, or half of a surrogate pair, at byte \(at)")
    case .tooDeep(let at): DecodingFailure(.tooDeep, "nested deeper than input.max_depth = \(input.maxDepth) at byte \(at)")
    }
  }
}
