/// A model of ratings: r ~ mean + user bias + item bias + user factors . item factors.
public struct ExplicitModel: Sendable {
  public let parameters: ExplicitParameters
  /// Of the ratings trained on.
  public let mean: Double
  /// Lowest and highest rating trained on.
  public let range: ClosedRange<Double>
  /// (bias, factors) of each user, `parameters.rowLength` floats a row; zeros for a user without ratings.
  public internal(set) var users: FactorMatrix
  /// The same of each item.
  public internal(set) var items: FactorMatrix

  init(_ parameters: ExplicitParameters, _ ratings: InteractionMatrix, items: FactorMatrix) {
    self.parameters = parameters
    var sum = 0.0
    for rating in ratings.strengths { sum += Double(rating) }
    mean = sum / Double(max(1, ratings.entries))
    range = Double(ratings.strengths.min() ?? 0)...Double(ratings.strengths.max() ?? 0)
    users = FactorMatrix(rows: ratings.rows, factors: parameters.rowLength)
    self.items = items
  }

  /// The rating that a user would give, not clipped; of an unknown user or item (`nil`, or one without ratings) what is left of the
  /// sum: the other's bias, or the mean alone.
  public func rating(user: Int?, item: Int?) -> Double {
    let score = mean + (user.map { Double(users[$0][0]) } ?? 0) + (item.map { Double(items[$0][0]) } ?? 0)
    guard let user, let item else { return score }
    let (x, y) = (users[user], items[item])
    return (1..<parameters.rowLength).reduce(score) { $0 + Double(x[$1]) * Double(y[$1]) }
  }

  /// Brought into the range of the ratings trained on.
  public func clipped(_ rating: Double) -> Double { min(max(rating, range.lowerBound), range.upperBound) }
}
