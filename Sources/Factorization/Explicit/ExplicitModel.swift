/// A model of explicit ratings: r ~ mean + user bias + item bias + user factors . item factors.
public struct ExplicitModel: Sendable {
  public let parameters: ExplicitParameters
  /// Mean of the training ratings.
  public let mean: Double
  /// Lowest and highest training rating.
  public let range: ClosedRange<Double>
  /// The rows (bias, factors) of the users, `parameters.rowLength` floats each; zeros for a user without ratings.
  public internal(set) var users: FactorMatrix
  /// The rows (bias, factors) of the items, `parameters.rowLength` floats each.
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

  /// A model that was trained before.
  ///
  /// - Parameters:
  ///   - users: the rows (bias, factors) of the users, all of one length.
  ///   - items: the same of the items.
  public init(mean: Double, range: ClosedRange<Double>, users: FactorMatrix, items: FactorMatrix) {
    precondition(users.factors == items.factors && users.factors > 1, "rows of \(users.factors) and of \(items.factors) numbers")
    parameters = ExplicitParameters(factors: users.factors - 1)
    (self.mean, self.range, self.users, self.items) = (mean, range, users, items)
  }

  /// Predicts a rating, not clipped. For an unknown user or item (`nil`, or one without ratings), the missing terms are left out.
  public func rating(user: Int?, item: Int?) -> Double {
    let score = mean + (user.map { Double(users[$0][0]) } ?? 0) + (item.map { Double(items[$0][0]) } ?? 0)
    guard let user, let item else { return score }
    let (x, y) = (users[user], items[item])
    return (1..<parameters.rowLength).reduce(score) { $0 + Double(x[$1]) * Double(y[$1]) }
  }

  /// Clips a rating to the range of the training ratings.
  public func clipped(_ rating: Double) -> Double { min(max(rating, range.lowerBound), range.upperBound) }
}
