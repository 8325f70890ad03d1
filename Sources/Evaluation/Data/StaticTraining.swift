import Factorization

/// Trains a model from a file (`freshet train`) with one row per user, without recency and blocks, and evaluates it on a test file if
/// given.
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

  /// Trains and, if there are test interactions, evaluates: all items are ranked without training items, and metrics are averaged over
  /// known users with test items. A test item that is not in the training set counts as a miss.
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

  /// The same with interactions in memory.
  public func run(train: EvaluationData, test: EvaluationData?, progress: (TrainingProgress) -> Bool = { _ in true }) throws -> Outcome {
    try run(
      train: StaticPairs(StaticInteractions(train)), test: test.map { StaticPairs(StaticInteractions($0)) }, progress: progress)
  }

  /// Trains from the seed's initial factors to the last half-step, which solves the users exactly.
  public func train(
    _ matrix: InteractionMatrix, losses: LossSchedule = .atTheEnd, progress: (TrainingProgress) -> Bool = { _ in true }
  ) throws -> TrainingOutcome {
    try ALSTrainer(parameters, options: options)
      .train(matrix, start: start(items: matrix.columns), losses: losses, keepGoing: progress)
  }

  /// Returns initial factors, items x factors, with a separate seed for each row.
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
