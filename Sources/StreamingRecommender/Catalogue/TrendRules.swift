/// Parameters of the trend: the decayed count of recent events per item, added to every score.
public struct TrendRules: Sendable, Equatable {
  /// Weight of the trend in the score.
  public var weight: Double
  /// Half-life in events; `nil` derives it from the number of active items.
  public var halfLife: Double?

  public init(weight: Double = 20, halfLife: Double? = nil) {
    self.weight = weight
    self.halfLife = halfLife
  }
}
