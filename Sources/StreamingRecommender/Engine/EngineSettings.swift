import Factorization

/// The part of the configuration that the engine uses, in internal units.
public struct EngineSettings: Sendable, Equatable {
  public var topics: [String]
  public var limits: HistoryLimits
  public var parameters: ALSParameters
  public var warmIterations: Int
  public var recency: RecencyWeights?
  public var trainingBlock: Int?
  /// `nil` if the trend is disabled.
  public var trend: TrendRules?
  /// `nil` if transitions are disabled.
  public var transitions: TransitionRules?
  public var excludeSeen: Bool
  /// Number of newest events per partition among which repeated ones are recognized.
  public var dedupeWindow: Int
  /// Number of merged ids that are kept.
  public var mergedUsersMax: Int
  public var foldInNewItems: Bool
  public var warmStart: Bool
  public var seed: UInt64
  public var n: Int
  public var similarN: Int
  /// Whether a user for whom nothing is left gets the popular list instead of none.
  public var showsPopularWhenEmpty: Bool
  /// Number of users that an item must have before it gets a vector.
  public var minSupport: Int
  /// Number of users of an item at which its similarities count half.
  public var similarShrinkage: Double
  /// `nil` if vectors of new items do not start from their documents.
  var itemPrior: ItemPrior.Rules?
  public var maxQualityDrop: Double
  public var acceptQualityDrop: Bool
  /// Whether events are counted in fixed windows.
  var countsWindows: Bool

  public init(_ configuration: RecommenderConfiguration) {
    let model = configuration.model
    topics = configuration.input.topics
    limits = HistoryLimits(
      historyPerUser: model.historyPerUser, seenPerUser: model.seenPerUser,
      seenForMilliseconds: model.seenFor.map { Int64($0.milliseconds) },
      maxStrength: Float(min(configuration.input.maxStrength, Double(Float.greatestFiniteMagnitude))),
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
    dedupeWindow = configuration.input.dedupeWindow
    mergedUsersMax = configuration.input.mergedUsersMax
    foldInNewItems = configuration.foldIn.items == .new
    warmStart = configuration.retrain.warmStart
    seed = model.seed
    n = configuration.topN.n
    similarN = configuration.topN.similarN
    showsPopularWhenEmpty = configuration.topN.whenEmpty == .popular
    minSupport = model.minSupport
    similarShrinkage = configuration.topN.similarShrinkage
    if configuration.items.prior, foldInNewItems {
      itemPrior = ItemPrior.Rules()
      itemPrior?.titleWords = configuration.items.titleWords
    }
    maxQualityDrop = configuration.retrain.maxQualityDrop
    countsWindows = configuration.publish.rows
    acceptQualityDrop = configuration.retrain.onQualityDrop == .accept
  }

  /// Weight of the trend in the score; 0 if the trend is disabled.
  public var trendWeight: Double { trend?.weight ?? 0 }

  /// Half-life, in events, of the counts behind the trend and the popular list; `nil` derives it from the number of active items.
  public var trendHalfLife: Double? { (trend ?? TrendRules()).halfLife }

  /// With 32 or more factors, conjugate gradients reach the same loss and quality in a third of the time; with fewer, the exact solve is
  /// no slower.
  private static func solver(_ model: RecommenderConfiguration.Model) -> TrainingSolver {
    switch model.solver {
    case .cholesky: .cholesky
    case .cg: .conjugateGradients(steps: model.cgSteps)
    case .auto: model.factors >= 32 ? .conjugateGradients(steps: model.cgSteps) : .cholesky
    }
  }

  var foldIn: FoldIn { FoldIn(solver: RowSolver(parameters), recency: recency) }
}

extension EngineState {
  /// An empty state under these settings.
  init(_ settings: EngineSettings, topics: [String] = []) {
    self.init(
      limits: settings.limits, factors: settings.parameters.factors, topics: topics,
      catalogue: Catalogue(
        trendHalfLife: settings.trendHalfLife, successorsMax: settings.transitions?.successors ?? 1,
        countsWindows: settings.countsWindows))
  }
}
