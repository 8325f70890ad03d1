/// The parameters of a training that determine its result: factors, loss and solver.
///
/// Trainings with equal parameters give results that are equal up to rounding; `SolverOptions` affects only the speed.
public struct ALSParameters: Sendable, Equatable {
  public var factors: Int
  public var confidence: Confidence
  public var regularization: Regularization
  public var iterations: Int
  public var solver: TrainingSolver

  public init(
    factors: Int = 64, confidence: Confidence = .unobservedWeight(0.1), regularization: Regularization = Regularization(),
    iterations: Int = 15, solver: TrainingSolver = .cholesky
  ) {
    precondition(factors > 0, "factors must be positive, got \(factors)")
    self.factors = factors
    self.confidence = confidence
    self.regularization = regularization
    self.iterations = iterations
    self.solver = solver
  }

  /// Standard deviation of the initial factors: 0.1 / sqrt(factors) (Rendle et al., arXiv 2110.14037).
  public var startDeviation: Float { 0.1 / Float(factors).squareRoot() }
}

/// The method that solves the rows of a training. Fold-in and evaluation always solve exactly.
public enum TrainingSolver: Sendable, Equatable, CustomStringConvertible {
  /// Solves each row exactly by a Cholesky decomposition.
  case cholesky
  /// Improves each row by a few steps of conjugate gradients from its previous value (Takacs, Pilaszy, Tikk, 2011), preconditioned with
  /// the diagonal of its matrix.
  ///
  /// If `steps` is `nil`, the training measures the residual after the first of two steps and then uses one to three steps, chosen per
  /// side.
  case conjugateGradients(steps: Int? = nil)

  public var description: String {
    switch self {
    case .cholesky: "cholesky"
    case .conjugateGradients(let steps?): "cg, \(steps) step\(steps == 1 ? "" : "s")"
    case .conjugateGradients: "cg"
    }
  }
}

/// Maps a strength r to the weight of an observed cell, relative to unobserved cells.
///
/// All forms lead to the row equation (a Y'Y + sum w y y' + reg I) x = sum t y, with a, w and t as given per case; a negative r has
/// target 0, except for ratings.
public enum Confidence: Sendable, Equatable {
  /// iALS (Rendle et al., arXiv 2110.14037): every cell has weight a = alpha0, an observed cell an additional w = |r|; t = w.
  case unobservedWeight(Float)
  /// Hu, Koren, Volinsky (2008): confidence c = 1 + alpha r; a = 1, w = alpha |r|, t = 1 + alpha r.
  case alpha(Float)
  /// Explicit ratings (Zhou et al., 2008): the target is r, of any sign; a = 0, w = 1, t = r. `ALSTrainer` does not compute this loss;
  /// use `ExplicitTrainer`.
  case rating

  public var unobserved: Float {
    switch self {
    case .unobservedWeight(let weight): weight
    case .alpha: 1
    case .rating: 0
    }
  }

  /// Computes weights and targets of `count` strengths and returns the sum of the weights.
  func fill(
    _ weights: UnsafeMutablePointer<Float>, _ targets: UnsafeMutablePointer<Float>, from strengths: UnsafePointer<Float>, count: Int
  ) -> Double {
    for index in 0..<count { (weights[index], targets[index]) = weightAndTarget(strengths[index]) }
    // Four independent sums, so that additions do not wait for each other.
    var sums = SIMD4<Double>()
    var index = 0
    while index + 4 <= count {
      sums += SIMD4(Double(weights[index]), Double(weights[index + 1]), Double(weights[index + 2]), Double(weights[index + 3]))
      index += 4
    }
    var total = sums.sum()
    while index < count {
      total += Double(weights[index])
      index += 1
    }
    return total
  }

  @inline(__always) func weightAndTarget(_ strength: Float) -> (weight: Float, target: Float) {
    let size = abs(strength)
    switch self {
    case .unobservedWeight: return (size, strength > 0 ? size : 0)
    case .alpha(let alpha): return (alpha * size, strength > 0 ? 1 + alpha * size : 0)
    case .rating: return (1, strength)
    }
  }
}

/// The regularization of a row: lambda x (sum of its weights + a n)^exponent, where n is the number of rows with factors on the other
/// side.
///
/// Exponent 1 scales with the frequency (iALS, nu = 1); 0 gives plain ridge regression.
public struct Regularization: Sendable, Equatable {
  public var lambda: Float
  public var exponent: Float
  public init(lambda: Float = 0.015, exponent: Float = 1) {
    self.lambda = lambda
    self.exponent = exponent
  }

  func ofRow(weights: Double, unobserved: Float, others: Int) -> Double {
    Double(lambda) * power(weights + Double(unobserved) * Double(others), Double(exponent))
  }
}
