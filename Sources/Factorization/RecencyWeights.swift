/// Weighs a user's past interactions by their age in steps and by the time gap to the newest one; the fold-in's part R.
///
/// w = r (floor + boost exp(-age / scale) (gapFloor + (1 - gapFloor) exp(-gap / gapScale))), age 1 = newest, gap = newest own
/// time - time of the pair.
public struct RecencyWeights: Sendable, Equatable {
  public let floor: Float
  public let boost: Float
  public let scale: Float
  public let gapFloor: Float
  public let gapScaleMilliseconds: Float
  /// Newest pairs that a fold-in looks at.
  public let window: Int
  private let boostOfAge: [Float]

  public init(floor: Float, boost: Float, scale: Float, gapFloor: Float, gapScaleMilliseconds: Float, window: Int) {
    self.floor = floor
    self.boost = boost
    self.scale = scale
    self.gapFloor = gapFloor
    self.gapScaleMilliseconds = gapScaleMilliseconds
    self.window = window
    boostOfAge = (0..<max(1, window)).map { boost * exponential(-Float($0 + 1) / scale) }
  }

  /// - Parameters:
  ///   - age: 1 for the newest pair.
  ///   - gapMilliseconds: how much older than the newest pair.
  public func weight(age: Int, gapMilliseconds: Int64) -> Float {
    let gap = gapFloor + (1 - gapFloor) * exponential(-Float(gapMilliseconds) / gapScaleMilliseconds)
    return floor + boostOfAge[age - 1] * gap
  }
}
