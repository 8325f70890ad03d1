/// The iALS loss in its three parts (Rendle et al., arXiv 2110.14037, equation 1 with weights):
/// sum over observed (w s^2 - 2 t s + t), a sum over all cells s^2, and lambda sum of row regularizer x |row|^2; s = x.y.
public struct TrainingLoss: Sendable, Equatable {
  public var observed: Double
  public var unobserved: Double
  public var regularizer: Double
  public var total: Double { observed + unobserved + regularizer }
}
