/// The parameters of a training on explicit ratings.
///
/// L = sum over ratings (r - mu - b_u - b_i - x_u.y_i)^2 + lambda (sum over users n_u^nu (b_u^2 + |x_u|^2) + the same over items), where
/// mu is the mean rating and n the number of ratings of the row. nu = 1 is ALS-WR: Zhou, Wilkinson, Schreiber, Pan, "Large-scale parallel
/// collaborative filtering for the Netflix Prize", AAIM 2008, equation 2; the biases are those of Koren, Bell, Volinsky, IEEE Computer 42
/// (8), 2009.
public struct ExplicitParameters: Sendable, Equatable {
  /// Number of factors per user and item, excluding the bias.
  public var factors: Int
  public var regularization: Regularization
  public var iterations: Int
  /// Constrains the factors of users and items to be at least 0; biases are not constrained.
  public var isNonnegative: Bool

  public init(
    factors: Int = 32, regularization: Regularization = Regularization(lambda: 1.5, exponent: 0.5), iterations: Int = 15,
    isNonnegative: Bool = false
  ) {
    precondition(factors > 0, "factors must be positive, got \(factors)")
    self.factors = factors
    self.regularization = regularization
    self.iterations = iterations
    self.isNonnegative = isNonnegative
  }

  /// Length of a row of `ExplicitModel`: the bias, then the factors.
  public var rowLength: Int { factors + 1 }

  /// Initial item rows: biases 0, factors from N(0, sigma^2) with sigma = 0.1 / sqrt(factors), or their absolute values if
  /// `isNonnegative`.
  public func start(items: Int, seed: UInt64) -> FactorMatrix {
    var generator = SplitMix64(seed: seed)
    let base = generator.next()
    var start = FactorMatrix(
      rows: items, factors: rowLength, deviation: 0.1 / Float(factors).squareRoot(), seed: base)
    for item in 0..<items {
      var row = start.array(item)
      row[0] = 0
      if isNonnegative { row = row.map(abs) }
      start.setRow(item, to: row)
    }
    return start
  }
}
