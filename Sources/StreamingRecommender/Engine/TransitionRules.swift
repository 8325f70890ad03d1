import Factorization

/// How transitions are counted and what they add to a score: the sparse second part of it.
public struct TransitionRules: Sendable, Equatable {
  /// Factor of the part in the score.
  public var weight: Float
  /// Newest own items that lead somewhere.
  public var last: Int
  /// Weight of each older one against the one after it.
  public var decay: Float
  /// Least weight of a step after a pause, and how long a pause must be to matter.
  public var gapFloor: Float
  public var gapScaleMilliseconds: Float
  /// Weight of the reverse direction.
  public var backward: Float
  /// Successors kept per item.
  public var successors: Int
  /// Added to an item's total before its counts are divided by it.
  public var shrinkage: Float

  public init(
    weight: Float = 10, last: Int = 20, decay: Float = 0.7, gapFloor: Float = 0.1, gapScaleMilliseconds: Float = 120_000,
    backward: Float = 0.3, successors: Int = 100, shrinkage: Float = 20
  ) {
    self.weight = weight
    self.last = last
    self.decay = decay
    self.gapFloor = gapFloor
    self.gapScaleMilliseconds = gapScaleMilliseconds
    self.backward = backward
    self.successors = successors
    self.shrinkage = shrinkage
  }

  /// Weight of a step of `gapMilliseconds`, in (0, 1].
  func weight(gapMilliseconds: Int64) -> Float {
    gapFloor + (1 - gapFloor) * exponential(-Float(max(0, gapMilliseconds)) / gapScaleMilliseconds)
  }
}
