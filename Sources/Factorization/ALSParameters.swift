/// What is computed: the loss and how it is minimised. Two trainings with equal parameters give equal results beyond rounding;
/// how fast is a matter of `SolverOptions`.
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

  /// Standard deviation of the first factors (Rendle et al., arXiv 2110.14037): 0.1 / sqrt(factors).
  public var startDeviation: Float { 0.1 / Float(factors).squareRoot() }
}

/// How training solves its rows. Fold-in and evaluation are always exact.
public enum TrainingSolver: Sendable, Equatable, CustomStringConvertible {
  /// Each row exactly.
  case cholesky
  /// Each row some steps of conjugate gradients nearer to its solution, from where it stood (Takacs, Pilaszy, Tikk, 2011),
  /// preconditioned with the diagonal of its matrix.
  ///
  /// Without `steps` a training looks at what the first of two steps leaves and goes on with one to three, for each side by itself.
  case conjugateGradients(steps: Int? = nil)

  public var description: String {
    switch self {
    case .cholesky: "cholesky"
    case .conjugateGradients(let steps?): "cg, \(steps) step\(steps == 1 ? "" : "s")"
    case .conjugateGradients: "cg"
    }
  }
}

/// How a strength r becomes the weight of an observed cell and of the unobserved rest.
///
/// Both forms lead to one row: (a Y'Y + sum w y y' + reg I) x = sum t y, with a, w, t as below; negative r has target 0.
public enum Confidence: Sendable, Equatable {
  /// iALS (Rendle et al., arXiv 2110.14037): every cell weighs a = alpha0, an observed one w = |r| more; t = w.
  case unobservedWeight(Float)
  /// Hu, Koren, Volinsky (2008): confidence c = 1 + alpha r; a = 1, w = alpha |r|, t = 1 + alpha r.
  case alpha(Float)
  /// Explicit ratings (Zhou et al. 2008): r itself is the target, of any sign; a = 0, w = 1, t = r. The loss of `ALSTrainer` does not
  /// know this form: `ExplicitTrainer` has its own.
  case rating

  public var unobserved: Float {
    switch self {
    case .unobservedWeight(let weight): weight
    case .alpha: 1
    case .rating: 0
    }
  }

  /// Weights and targets of `count` strengths; returns the sum of the weights.
  func fill(
    _ weights: UnsafeMutablePointer<Float>, _ targets: UnsafeMutablePointer<Float>, from strengths: UnsafePointer<Float>, count: Int
  ) -> Double {
    for index in 0..<count { (weights[index], targets[index]) = weightAndTarget(strengths[index]) }
    // Four sums side by side: none waits for the one before.
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

/// The regularizer of a row: lambda x (sum of its weights + a n)^exponent, n = rows of the other side that have factors.
/// Exponent 1 scales with the frequency (iALS, nu = 1), 0 is the plain ridge.
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
