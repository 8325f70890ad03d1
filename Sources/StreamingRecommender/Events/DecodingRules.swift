#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The decoder's settings, prepared once in the form that the per-record code reads.
final class DecodingRules: Sendable {
  let input: RecommenderConfiguration.Input
  let aliases: EventAliases
  let maxFutureMilliseconds: Int64
  /// Weights by event type. There are few types, so a linear search is faster than hashing.
  private let weights: [(type: [UInt8], weight: Double)]

  /// 2000-01-01T00:00:00Z, the earliest time that an event may have.
  static let earliestMilliseconds: Int64 = 946_684_800_000
  /// The largest length in bytes of `session_id`, `recommendation_id`, `event_id` and each text in `impression`.
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

  /// Returns why `id`, the bytes of the field `name`, is not a valid id, or `nil` if it is.
  func fault(ofID id: [UInt8], _ name: String) -> DecodingFailure? {
    if id.isEmpty { return DecodingFailure(.badID, "\(name) is empty") }
    if id.count > input.maxIDBytes {
      return DecodingFailure(.idTooLong, "\(name) has \(id.count) bytes, more than input.max_id_bytes = \(input.maxIDBytes)")
    }
    if id.contains(0) { return DecodingFailure(.badID, "\(name) contains a zero byte") }
    return nil
  }

  // MARK: Strength

  /// The weight of an event type, or `nil` if the type is unknown and its events are ignored.
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
