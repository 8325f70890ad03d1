import Factorization

/// Bounds on what is kept of one user.
public struct HistoryLimits: Sendable, Equatable {
  /// Pairs kept per user, delete markers included; the newest by order remain.
  public var historyPerUser: Int
  /// Items that count as seen per user.
  public var seenPerUser: Int
  /// Bound on the magnitude of a pair's summed strength.
  public var maxStrength: Float
  /// Half-life of a strength in milliseconds; `nil`: strengths do not decay.
  public var halfLifeMilliseconds: Double?

  public init(
    historyPerUser: Int = 2000, seenPerUser: Int = 10_000, maxStrength: Float = 1e6, halfLifeMilliseconds: Double? = nil
  ) {
    self.historyPerUser = historyPerUser
    self.seenPerUser = seenPerUser
    self.maxStrength = maxStrength
    self.halfLifeMilliseconds = halfLifeMilliseconds
  }

  func bounded(_ strength: Float) -> Float { min(max(strength, -maxStrength), maxStrength) }

  /// A strength `milliseconds` later.
  func decayed(_ strength: Float, milliseconds: Int64) -> Float {
    guard let halfLife = halfLifeMilliseconds, milliseconds > 0 else { return strength }
    return strength * Float(exponential2(-Double(milliseconds) / halfLife))
  }
}
