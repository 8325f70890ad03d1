/// Weights a user's interactions in the fold-in by age in steps and by the time gap to the newest one.
///
/// w = r (floor + boost exp(-age / scale) (gapFloor + (1 - gapFloor) exp(-gap / gapScale))), where age 1 is the newest pair and gap is
/// the timestamp of the newest pair minus that of the pair.
public struct RecencyWeights: Sendable, Equatable {
  /// Minimum weight of old interactions.
  public var floor: Float
  /// Additional weight of the newest interactions.
  public var boost: Float { didSet { boostOfAge = Self.boosts(boost, scale, window) } }
  /// Number of interactions over which the boost decays by a factor of e.
  public var scale: Float { didSet { boostOfAge = Self.boosts(boost, scale, window) } }
  /// Minimum factor of the boost after a long gap, and the time scale of the gap in milliseconds.
  public var gapFloor: Float
  public var gapScaleMilliseconds: Float
  /// Number of newest pairs that a fold-in uses.
  public var window: Int { didSet { boostOfAge = Self.boosts(boost, scale, window) } }
  private var boostOfAge: [Float]

  public init(
    floor: Float = 0.03, boost: Float = 6, scale: Float = 3, gapFloor: Float = 0.1, gapScaleMilliseconds: Float = 300_000,
    window: Int = 200
  ) {
    self.floor = floor
    self.boost = boost
    self.scale = scale
    self.gapFloor = gapFloor
    self.gapScaleMilliseconds = gapScaleMilliseconds
    self.window = window
    boostOfAge = Self.boosts(boost, scale, window)
  }

  private static func boosts(_ boost: Float, _ scale: Float, _ window: Int) -> [Float] {
    (0..<max(1, window)).map { boost * exponential(-Float($0 + 1) / scale) }
  }

  /// - Parameters:
  ///   - age: 1 for the newest pair.
  ///   - gapMilliseconds: timestamp of the newest pair minus that of this pair.
  public func weight(age: Int, gapMilliseconds: Int64) -> Float {
    let gap = gapFloor + (1 - gapFloor) * exponential(-Float(gapMilliseconds) / gapScaleMilliseconds)
    return floor + boostOfAge[age - 1] * gap
  }
}
