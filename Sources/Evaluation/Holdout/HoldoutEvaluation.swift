import Dispatch
import Factorization

/// Evaluates a static training on a split of implicit feedback, compared with baselines (`freshet evaluate holdout`).
///
/// All items are ranked except those of the history, because sampled candidates can order methods wrongly (Krichene and Rendle, 2020).
public struct HoldoutEvaluation: Sendable {
  public enum Baselines: String, Sendable, CaseIterable { case all, popularity, none }

  /// The results of one method over one or more splits.
  public struct Method: Sendable {
    public let name: String
    public fileprivate(set) var rankings: [HeldOutRanking] = []
    /// Seconds of training or counting in all splits.
    public fileprivate(set) var fitSeconds = 0.0
    /// Seconds for the fold-in of held-out users, if any, and their lists.
    public fileprivate(set) var rankSeconds = 0.0

    init(name: String) { self.name = name }

    /// The number of tests; a user counts once per split.
    public var tests: Int { rankings.reduce(0) { $0 + $1.users.count } }

    public func mean(_ metric: RankingMetric) -> Double {
      rankings.reduce(0) { $0 + $1.values(metric).reduce(0, +) } / Double(max(1, tests))
    }

    /// Returns the mean coverage over the splits.
    public func coverage(_ k: Int) -> Double {
      rankings.reduce(0) { $0 + $1.coverage(k) } / Double(max(1, rankings.count))
    }

    /// Returns 95 % intervals over users, in the order of the metrics.
    public func intervals(_ metrics: [RankingMetric], _ bootstrap: HoldoutBootstrap) -> [ClosedRange<Double>] {
      var sample = HoldoutBootstrap.Sample(columns: metrics.count)
      for user in rankings.flatMap(\.users) { sample.add(user: user.user, metrics.map(user.value)) }
      return bootstrap.intervals(sample)
    }
  }

  public let training: StaticTraining
  public let baselines: Baselines

  public init(training: StaticTraining, baselines: Baselines) {
    self.training = training
    self.baselines = baselines
  }

  private var workers: Int { training.options.workers }

  // MARK: Split by time

  public struct TimeOutcome: Sendable {
    /// The trained model, followed by the baselines.
    public var methods: [Method]
    /// Popularity for users that are not in the training set; the model has no vectors for them.
    public var cold: Method
  }

  /// - Parameter progress: called before each half-step with its number; `false` cancels.
  /// - Throws: `TrainingError`.
  public func run(_ split: HoldoutTimeSplit, progress: (Int) -> Bool = { _ in true }) throws -> TimeOutcome {
    let matrix = split.training.matrix
    var model = Method(name: "freshet")
    let trained = try timed(&model.fitSeconds) { try training.train(matrix) { progress($0.halfStep) } }
    judge(&model, split.users, catalogue: matrix.columns) {
      FactorRanker(users: trained.rowFactors, items: trained.columnFactors, histories: matrix, kernels: training.options.kernels)
    }
    let others = judgedBaselines(training: matrix, histories: matrix, split.users)
    var cold = Method(name: "popularity, cold users")
    var nothing = InteractionMatrix(columns: matrix.columns)
    for _ in split.coldUsers { nothing.endRow() }
    judge(&cold, split.coldUsers, catalogue: matrix.columns) { PopularityRanker(training: matrix, histories: nothing) }
    return TimeOutcome(methods: [model] + others, cold: cold)
  }

  // MARK: A model that was trained before

  public struct TrainedOutcome: Sendable {
    /// The model, followed by the baselines.
    public var methods: [Method]
    /// Users of the test part that are not in the training part; they are not ranked.
    public var coldUsers: Int
    /// The number of test pairs left out because they are also in the training part.
    public var repeatedPairs: Int
  }

  /// Ranks for a test part with factors that were trained before, by the rules of a split by time.
  ///
  /// - Parameters:
  ///   - users: one row of factors per user of `pairs`.
  ///   - items: one row of factors per item of `pairs`.
  ///   - pairs: the pairs that the factors were trained on.
  /// - Throws: `HoldoutError` if no user of `pairs` has anything to be tested with.
  public func run(users: FactorMatrix, items: FactorMatrix, trainedOn pairs: StaticPairs, test: StaticPairs) throws(HoldoutError)
    -> TrainedOutcome
  {
    let known = HeldOutUser.users(of: test, knownTo: pairs)
    let tested = known.compactMap { $0.withoutHistory(pairs.matrix) }
    guard !tested.isEmpty else { throw HoldoutError(.nothingToTest) }
    var model = Method(name: "freshet")
    judge(&model, tested, catalogue: pairs.matrix.columns) {
      FactorRanker(users: users, items: items, histories: pairs.matrix, kernels: training.options.kernels)
    }
    let others = judgedBaselines(training: pairs.matrix, histories: pairs.matrix, tested)
    return TrainedOutcome(
      methods: [model] + others, coldUsers: HeldOutUser.users(of: test, unknownTo: pairs).count,
      repeatedPairs: known.reduce(0) { $0 + $1.items.count } - tested.reduce(0) { $0 + $1.items.count })
  }

  // MARK: Strong generalisation

  public struct StrongOutcome: Sendable {
    /// The model with users folded in, then the same users trained in if requested, then the baselines.
    public var methods: [Method]
    public var comparison: FoldInComparison?
  }

  /// Compares users folded in from their history with the same users trained with it.
  public struct FoldInComparison: Sendable {
    public static let metric = RankingMetric.ndcg(100)
    public var foldedIn: Double
    public var trainedIn: Double
    /// The mean over users of the metric folded in minus trained in.
    public var difference: Double
    public var interval: ClosedRange<Double>
    /// The differences of the means of each split, in the order of the splits.
    public var splitDifferences: [Double]

    /// The difference relative to `trainedIn`; 0 if `trainedIn` is 0.
    public var relativeDifference: Double { trainedIn == 0 ? 0 : difference / trainedIn }
    public var relativeInterval: ClosedRange<Double> {
      trainedIn == 0 ? 0...0 : interval.lowerBound / trainedIn...interval.upperBound / trainedIn
    }
  }

  /// Evaluates the splits in turn.
  ///
  /// - Parameters:
  ///   - comparesTrained: whether to train every split a second time with the histories included.
  ///   - progress: called before each half-step with the number of half-steps so far.
  /// - Throws: `TrainingError`, and errors of making a split.
  public func run(
    _ splits: some Sequence<() throws -> StrongGeneralisationSplit>, comparesTrained: Bool = false, bootstrap: HoldoutBootstrap,
    progress: (Int) -> Bool = { _ in true }
  ) throws -> StrongOutcome {
    var foldedIn = Method(name: "freshet")
    var trainedIn = Method(name: "freshet, trained in")
    var others: [Method] = []
    var halfSteps = 0
    let count = { (_: TrainingProgress) in
      halfSteps += 1
      return progress(halfSteps)
    }
    for make in splits {
      let split = try make()
      try judgeFoldedIn(&foldedIn, split, count)
      if comparesTrained { try judgeTrainedIn(&trainedIn, split, count) }
      let judged = judgedBaselines(training: split.training, histories: split.histories, split.users)
      others = others.isEmpty ? judged : zip(others, judged).map { $0.0.joined($0.1) }
    }
    let comparison = comparesTrained ? compare(foldedIn, trainedIn, bootstrap) : nil
    return StrongOutcome(methods: [foldedIn] + (comparesTrained ? [trainedIn] : []) + others, comparison: comparison)
  }

  private func judgeFoldedIn(_ method: inout Method, _ split: StrongGeneralisationSplit, _ progress: (TrainingProgress) -> Bool) throws {
    let trained = try timed(&method.fitSeconds) { try training.train(split.training, progress: progress) }
    let rows = timed(&method.rankSeconds) {
      HoldoutFoldIn.rows(split.histories, items: trained.columnFactors, training.parameters, training.options)
    }
    judge(&method, split.users, catalogue: split.training.columns) {
      FactorRanker(users: rows, items: trained.columnFactors, histories: split.histories, kernels: training.options.kernels)
    }
  }

  private func judgeTrainedIn(_ method: inout Method, _ split: StrongGeneralisationSplit, _ progress: (TrainingProgress) -> Bool) throws {
    let matrix = split.trainingWithHistories
    let trained = try timed(&method.fitSeconds) { try training.train(matrix, progress: progress) }
    judge(&method, split.usersTrainedIn, catalogue: matrix.columns) {
      FactorRanker(users: trained.rowFactors, items: trained.columnFactors, histories: matrix, kernels: training.options.kernels)
    }
  }

  private func compare(_ foldedIn: Method, _ trainedIn: Method, _ bootstrap: HoldoutBootstrap) -> FoldInComparison {
    let metric = FoldInComparison.metric
    var sample = HoldoutBootstrap.Sample(columns: 1)
    for (a, b) in zip(foldedIn.rankings.flatMap(\.users), trainedIn.rankings.flatMap(\.users)) {
      precondition(a.user == b.user, "user \(a.user) was paired with \(b.user)")
      sample.add(user: a.user, [a.value(metric) - b.value(metric)])
    }
    return FoldInComparison(
      foldedIn: foldedIn.mean(metric), trainedIn: trainedIn.mean(metric), difference: sample.means[0],
      interval: bootstrap.intervals(sample)[0],
      splitDifferences: zip(foldedIn.rankings, trainedIn.rankings).map { $0.mean(metric) - $1.mean(metric) })
  }

  // MARK: Methods

  private func judgedBaselines(training matrix: InteractionMatrix, histories: InteractionMatrix, _ users: [HeldOutUser]) -> [Method] {
    var methods: [Method] = []
    if baselines != .none {
      var popularity = Method(name: "popularity")
      judge(&popularity, users, catalogue: matrix.columns) { PopularityRanker(training: matrix, histories: histories) }
      methods.append(popularity)
    }
    if baselines == .all {
      var neighbours = Method(name: "item-kNN")
      judge(&neighbours, users, catalogue: matrix.columns) {
        ItemNeighboursRanker(training: matrix, histories: histories, workers: workers)
      }
      methods.append(neighbours)
    }
    return methods
  }

  private func judge(_ method: inout Method, _ users: [HeldOutUser], catalogue: Int, _ makeRanker: () -> some HoldoutRanker) {
    let ranker = timed(&method.fitSeconds, makeRanker)
    method.rankings.append(
      timed(&method.rankSeconds) { HeldOutRanking(of: users, catalogue: catalogue, workers: workers, by: ranker) })
  }

  private func timed<R>(_ seconds: inout Double, _ body: () throws -> R) rethrows -> R {
    let began = DispatchTime.now().uptimeNanoseconds
    defer { seconds += Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9 }
    return try body()
  }
}

extension HoldoutEvaluation.Method {
  fileprivate func joined(_ next: Self) -> Self {
    var both = self
    both.rankings += next.rankings
    both.fitSeconds += next.fitSeconds
    both.rankSeconds += next.rankSeconds
    return both
  }
}
