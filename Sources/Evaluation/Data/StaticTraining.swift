import Factorization

/// `freshet train`: one training from a file, one row per user, no recency and no blocks; with a test file, ranking metrics.
public struct StaticTraining: Sendable {
  public struct Outcome: Sendable {
    public var training: TrainingOutcome
    public var interactions: Int
    public var users: [String]
    public var items: [String]
    public var recallAt20: Double?
    public var ndcgAt20: Double?
    public var testUsers: Int?
  }

  public let parameters: ALSParameters
  public let options: SolverOptions
  public let seed: UInt64

  public init(parameters: ALSParameters, options: SolverOptions, seed: UInt64) {
    self.parameters = parameters
    self.options = options
    self.seed = seed
  }

  /// Trains, and judges with the test interactions, if there are any: all items ranked, training items left out, means over the users
  /// with test items that the training knows. A test item that the training has not seen cannot be hit, and counts.
  ///
  /// - Parameter progress: called before each half-step; `false` cancels.
  /// - Throws: `TrainingError`.
  public func run(train pairs: StaticPairs, test: StaticPairs?, progress: (TrainingProgress) -> Bool = { _ in true }) throws -> Outcome {
    let training = try self.train(pairs.matrix, losses: .eachHalfStep, progress: progress)
    var outcome = Outcome(
      training: training, interactions: pairs.matrix.entries, users: pairs.users.strings, items: pairs.items.strings)
    if let test {
      let ranking = judge(training, pairs, HeldOutUser.users(of: test, knownTo: pairs))
      (outcome.recallAt20, outcome.ndcgAt20) = (ranking.mean(.recall(20)), ranking.mean(.ndcg(20)))
      outcome.testUsers = ranking.users.count
    }
    return outcome
  }

  /// The same from interactions in memory.
  public func run(train: EvaluationData, test: EvaluationData?, progress: (TrainingProgress) -> Bool = { _ in true }) throws -> Outcome {
    try run(
      train: StaticPairs(StaticInteractions(train)), test: test.map { StaticPairs(StaticInteractions($0)) }, progress: progress)
  }

  /// From the seed's first factors to the last half-step, which solves the users exactly.
  public func train(
    _ matrix: InteractionMatrix, losses: LossSchedule = .atTheEnd, progress: (TrainingProgress) -> Bool = { _ in true }
  ) throws -> TrainingOutcome {
    try ALSTrainer(parameters, options: options)
      .train(matrix, start: start(items: matrix.columns), losses: losses, keepGoing: progress)
  }

  /// items x factors, each row from its own seed.
  func start(items: Int) -> FactorMatrix {
    var generator = SplitMix64(seed: seed)
    let base = generator.next()
    return FactorMatrix(
      rows: items, factors: parameters.factors, deviation: parameters.startDeviation, seed: base)
  }

  private func judge(_ training: TrainingOutcome, _ pairs: StaticPairs, _ users: [HeldOutUser]) -> HeldOutRanking {
    let ranker = FactorRanker(
      users: training.rowFactors, items: training.columnFactors, histories: pairs.matrix, kernels: options.kernels)
    return HeldOutRanking(of: users, catalogue: pairs.items.count, workers: options.workers, by: ranker)
  }
}
