import Factorization

/// What the engine needs of the configuration, in the units that it computes with.
public struct EngineSettings: Sendable, Equatable {
  public var topics: [String]
  public var limits: HistoryLimits
  public var parameters: ALSParameters
  public var warmIterations: Int
  public var recency: RecencyWeights?
  public var trainingBlock: Int?
  /// `nil` without trend.
  public var trend: TrendRules?
  /// `nil` without transitions.
  public var transitions: TransitionRules?
  public var excludeSeen: Bool
  public var foldInNewItems: Bool
  public var warmStart: Bool
  public var seed: UInt64
  public var n: Int
  public var similarN: Int
  public var maxQualityDrop: Double
  public var acceptQualityDrop: Bool

  public init(_ configuration: RecommenderConfiguration) {
    let model = configuration.model
    topics = configuration.input.topics
    limits = HistoryLimits(
      historyPerUser: model.historyPerUser, seenPerUser: model.seenPerUser, maxStrength: Float(configuration.input.maxStrength),
      halfLifeMilliseconds: configuration.input.halfLife.map { $0.milliseconds })
    let confidence: Confidence =
      if let alpha = model.alpha { .alpha(Float(alpha)) } else { .unobservedWeight(Float(model.unobservedWeight)) }
    parameters = ALSParameters(
      factors: model.factors, confidence: confidence,
      regularization: Regularization(lambda: Float(model.regularization), exponent: Float(model.regularizationExponent)),
      iterations: model.coldIterations, solver: Self.solver(model))
    warmIterations = model.warmIterations
    recency = model.recency
    trainingBlock = model.trainingBlock
    trend = model.trend
    transitions = model.transitions
    excludeSeen = model.excludeSeen
    foldInNewItems = configuration.foldIn.items == .new
    warmStart = configuration.retrain.warmStart
    seed = model.seed
    n = configuration.topN.n
    similarN = configuration.topN.similarN
    maxQualityDrop = configuration.retrain.maxQualityDrop
    acceptQualityDrop = configuration.retrain.onQualityDrop == .accept
  }

  /// Factor of the trend in the score; 0 without trend.
  public var trendWeight: Double { trend?.weight ?? 0 }

  /// Half-life, in events, of the counts behind the trend and the popular list; `nil`: follows the active catalogue.
  public var trendHalfLife: Double? { (trend ?? TrendRules()).halfLife }

  /// Conjugate gradients reach the same loss and the same quality in a third of the time from 32 factors on; below, an exact row
  /// costs no more.
  private static func solver(_ model: RecommenderConfiguration.Model) -> TrainingSolver {
    switch model.solver {
    case .cholesky: .cholesky
    case .cg: .conjugateGradients(steps: model.cgSteps)
    case .auto: model.factors >= 32 ? .conjugateGradients(steps: model.cgSteps) : .cholesky
    }
  }

  var foldIn: FoldIn { FoldIn(solver: RowSolver(parameters), recency: recency) }
}
