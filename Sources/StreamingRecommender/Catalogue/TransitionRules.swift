import Factorization

/// Parameters of the transition counts and of the boosts that they add to scores.
public struct TransitionRules: Sendable, Equatable {
  /// Weight of the boosts in the score.
  public var weight: Float
  /// Number of the user's newest items used as sources of transitions.
  public var last: Int
  /// Factor by which the weight decreases per item, from newest to oldest.
  public var decay: Float
  /// Minimum weight of a transition after a long pause, and the time scale of the decay in milliseconds.
  public var gapFloor: Float
  public var gapScaleMilliseconds: Float
  /// Weight of a transition in the reverse direction.
  public var backward: Float
  /// Maximum number of successors per item.
  public var successors: Int
  /// Shrinkage: added to the total of an item before its counts are divided by it.
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

  /// Weight of a transition after a pause of `gapMilliseconds`, in (0, 1].
  func weight(gapMilliseconds: Int64) -> Float {
    gapFloor + (1 - gapFloor) * exponential(-Float(max(0, gapMilliseconds)) / gapScaleMilliseconds)
  }
}
