/// What the trend, the decayed count of an item's recent events, adds to every score.
public struct TrendRules: Sendable, Equatable {
  /// Factor of the trend in the score.
  public var weight: Double
  /// Events after which a count has halved; `nil`: follows the active catalogue.
  public var halfLife: Double?

  public init(weight: Double = 20, halfLife: Double? = nil) {
    self.weight = weight
    self.halfLife = halfLife
  }
}
