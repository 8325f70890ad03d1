/// The three parts of the iALS loss (Rendle et al., arXiv 2110.14037, equation 1 with weights).
///
/// With s = x.y: sum over observed cells (w s^2 - 2 t s + t), a times the sum over all cells of s^2, and lambda times the sum of row
/// regularizer x |row|^2.
public struct TrainingLoss: Sendable, Equatable {
  public var observed: Double
  public var unobserved: Double
  public var regularizer: Double
  public var total: Double { observed + unobserved + regularizer }
}
