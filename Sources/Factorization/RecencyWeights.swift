/// Weighs a user's past interactions by their age in steps and by the time gap to the newest one; the fold-in's part R.
///
/// w = r (floor + boost exp(-age / scale) (gapFloor + (1 - gapFloor) exp(-gap / gapScale))), age 1 = newest, gap = newest own
/// time - time of the pair.
public struct RecencyWeights: Sendable, Equatable {
  /// Weight that the oldest interactions keep.
  public var floor: Float
  /// How much more the newest interaction weighs.
  public var boost: Float { didSet { boostOfAge = Self.boosts(boost, scale, window) } }
  /// How many interactions back the boost fades by e.
  public var scale: Float { didSet { boostOfAge = Self.boosts(boost, scale, window) } }
  /// Least weight after a pause, and how long a pause must be to matter.
  public var gapFloor: Float
  public var gapScaleMilliseconds: Float
  /// Newest pairs that a fold-in looks at.
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
  ///   - gapMilliseconds: how much older than the newest pair.
  public func weight(age: Int, gapMilliseconds: Int64) -> Float {
    let gap = gapFloor + (1 - gapFloor) * exponential(-Float(gapMilliseconds) / gapScaleMilliseconds)
    return floor + boostOfAge[age - 1] * gap
  }
}
