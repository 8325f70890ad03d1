import Factorization

/// Bounds on the state kept per user.
public struct HistoryLimits: Sendable, Equatable {
  /// Maximum number of pairs per user, delete markers included; the newest by order are kept.
  public var historyPerUser: Int
  /// Maximum number of items per user that count as seen.
  public var seenPerUser: Int
  /// How long an item counts as seen after the user's last event with it, in milliseconds; `nil` is for ever.
  public var seenForMilliseconds: Int64?
  /// Maximum magnitude of a pair's summed strength.
  public var maxStrength: Float
  /// Half-life of a strength in milliseconds; `nil` disables decay.
  public var halfLifeMilliseconds: Double?

  public init(
    historyPerUser: Int = 2000, seenPerUser: Int = 10_000, seenForMilliseconds: Int64? = nil, maxStrength: Float = 1e6,
    halfLifeMilliseconds: Double? = nil
  ) {
    self.historyPerUser = historyPerUser
    self.seenPerUser = seenPerUser
    self.seenForMilliseconds = seenForMilliseconds
    self.maxStrength = maxStrength
    self.halfLifeMilliseconds = halfLifeMilliseconds
  }

  func bounded(_ strength: Float) -> Float { min(max(strength, -maxStrength), maxStrength) }

  func decayed(_ strength: Float, from order: InteractionOrder, to newest: InteractionOrder) -> Float {
    decayed(strength, milliseconds: newest.timeMilliseconds - order.timeMilliseconds)
  }

  /// Returns the strength after `milliseconds` of decay.
  func decayed(_ strength: Float, milliseconds: Int64) -> Float {
    guard let halfLife = halfLifeMilliseconds, milliseconds > 0 else { return strength }
    return strength * Float(exponential2(-Double(milliseconds) / halfLife))
  }
}
