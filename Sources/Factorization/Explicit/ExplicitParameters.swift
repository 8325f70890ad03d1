/// What a training on ratings computes; `SolverOptions` say how.
///
/// L = sum over ratings (r - mu - b_u - b_i - x_u.y_i)^2 + lambda (sum over users n_u^nu (b_u^2 + |x_u|^2) + the same over items),
/// mu = mean rating, n = ratings of the row. nu = 1 is ALS-WR: Zhou, Wilkinson, Schreiber, Pan, "Large-scale parallel collaborative
/// filtering for the Netflix Prize", AAIM 2008, equation 2; the biases are those of Koren, Bell, Volinsky, IEEE Computer 42 (8), 2009.
public struct ExplicitParameters: Sendable, Equatable {
  /// Numbers per user and item, the bias not counted.
  public var factors: Int
  public var regularization: Regularization
  public var iterations: Int
  /// Factors of users and items are at least 0; biases keep their sign.
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

  /// Numbers in a row of `ExplicitModel`: the bias, then the factors.
  public var rowLength: Int { factors + 1 }

  /// Where a training begins: item biases 0, item factors from N(0, 0.1 / sqrt(factors)), without their signs where they are not allowed.
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
