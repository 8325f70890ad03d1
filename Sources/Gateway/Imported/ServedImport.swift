import RedisPublishing
import StreamingRecommender

/// Imported lists of the configuration, with what Redis says of them.
public struct ServedImport: Sendable, Equatable {
  public let name: String
  public let weight: Double
  /// `nil` if nothing has been imported under the name.
  public let current: ImportedLists?

  public init(_ configured: ImportedListWeight, _ current: ImportedLists?) {
    name = configured.name
    weight = configured.weight
    self.current = current
  }

  /// The field of a user's hash with the list.
  var field: String? { current?.field(of: name) }

  func isExpired(at now: Int64) -> Bool { current.map { $0.expiresAtMilliseconds <= now } ?? false }
}

/// What became of an imported list that was looked for.
public struct ImportedUse: Sendable, Equatable {
  /// The raw value is the label of a metric.
  public enum Result: String, Sendable, CaseIterable {
    case blended
    /// None of its items may be shown to the user: seen, hidden, unknown to the engine, left out by the request or a rule.
    case filtered
    /// The user has none.
    case missing
    case expired
    /// It is not known what the user has seen, because there is no row of the user, or none that can be read with the matrices in memory.
    case unchecked
  }

  public let name: String
  public let result: Result
}
