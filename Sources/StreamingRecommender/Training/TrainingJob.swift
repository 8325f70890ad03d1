import Telemetry
import Factorization
import Synchronization

/// A retrain job: a frozen state, the settings, and the live model that the candidate is compared with.
///
/// `run` uses its own worker pool and does not access the live engine.
public struct TrainingJob: Sendable {
  /// Where the item vectors of the new model come from.
  public enum Source: Sendable {
    case training
    /// Another program, whose vectors are judged like those of a training.
    case external(@Sendable (ExternalTraining) throws -> StoredModel)
    /// A kept model, which is not judged: somebody asked for it.
    case stored(@Sendable () throws -> StoredModel)
    /// The shadow model with its settings, not judged either.
    case shadow(@Sendable () -> StoredModel, ModelSettings)
  }

  public let id: String
  let reason: RetrainPolicy.Reason
  var source = Source.training
  let state: EngineState
  /// Those in use; a model that is there already may bring others.
  var settings: EngineSettings
  /// What a kept model's settings are put over.
  package var configuration = RecommenderConfiguration()
  var items = ItemDocuments()
  var live: InstalledModel?
  /// Number of events since the freeze of the live model.
  let eventsSinceFreeze: Int
  let startedAtMilliseconds: Int64

  /// Runs the training and blocks until it ends. Errors and cancellation are reported in the record of the result.
  public func run(
    threads: Int, monitor: TrainingMonitor, clock: any EngineClock = SystemClock(), residentBytes: () -> Int = { 0 }
  ) -> TrainingResult {
    var run = TrainingRun(self, threads: threads, monitor: monitor, clock: clock)
    do {
      let trained = try run.train()
      run.record.residentBytes = residentBytes()
      run.close(trained == nil ? .rejected : .accepted)
      return TrainingResult(record: run.record, trained: trained)
    } catch {
      run.record.message = "\(error)"
      run.close((error as? TrainingError) == .cancelled ? .cancelled : .failed)
      return TrainingResult(record: run.record, trained: nil)
    }
  }
}

extension TrainingJob {
  /// Trains a model that nobody is served with, and that no gate judges; `nil` if it was cancelled or has no finite solution.
  public func runShadow(threads: Int, monitor: TrainingMonitor, clock: any EngineClock = SystemClock()) -> ShadowModel? {
    var run = TrainingRun(self, threads: threads, monitor: monitor, clock: clock)
    guard let model = try? run.trainUnserved() else { return nil }
    return ShadowModel(model: model, index: ItemIndex(model.itemFactors, absent: model.absentItems))
  }

  /// Measures how a retrain would change lists, by one iteration over all pairs from the live model's vectors.
  public func measureDrift(threads: Int, monitor: TrainingMonitor, clock: any EngineClock = SystemClock()) -> ChurnReport? {
    guard let live else { return nil }
    var job = self
    job.settings.warmStart = true
    job.settings.warmIterations = 1
    var run = TrainingRun(job, threads: threads, monitor: monitor, clock: clock)
    guard let model = try? run.trainUnserved() else { return nil }
    let pool = WorkerPool(workers: threads, isBackground: true)
    return ListChurn(state).report(from: (live, settings), to: (model, settings), pool)
  }
}

/// The result of an accepted training: the model, the folded-in vectors of all users and the scoring layout. Not published yet.
public struct TrainedModel: Sendable {
  public var model: InstalledModel
  /// Vectors of all users, by partition.
  public var served: [ServedFactors]
  var index: ItemIndex
  var similar: SimilarItems
  /// The users of the items that had too few of them to be trained on.
  var rareItems: [Int32: [UserReference]]
  /// Items that the model was not trained on and knows features of, ascending.
  var documentedItems: [Identifier]
  /// The epoch whose item vectors these are, after a rollback.
  var rolledBackTo: UInt32?
  /// The settings that come with the model; `nil`: those in use.
  var settings: ModelSettings?
}

/// The outcome of a training job.
public struct TrainingResult: Sendable {
  public var record: RetrainRecord
  /// `nil` unless the result is `accepted`.
  public var trained: TrainedModel?
}

/// Runs the phases of one training in order and fills its record.
private struct TrainingRun {
  private let job: TrainingJob
  private let threads: Int
  private let monitor: TrainingMonitor
  private let clock: any EngineClock
  private let pool: WorkerPool
  private let trainer: ALSTrainer
  private let isWarm: Bool
  private var phases: PhaseTimer
  var record: RetrainRecord

  init(_ job: TrainingJob, threads: Int, monitor: TrainingMonitor, clock: any EngineClock) {
    self.job = job
    self.threads = threads
    self.monitor = monitor
    self.clock = clock
    pool = WorkerPool(workers: threads, isBackground: true)
    phases = PhaseTimer(monitor: monitor, clock: clock)
    isWarm = job.live?.factors == job.settings.parameters.factors && job.settings.warmStart
    var parameters = job.settings.parameters
    if isWarm { parameters.iterations = job.settings.warmIterations }
    trainer = ALSTrainer(parameters, options: SolverOptions(workers: threads, isBackground: true))
    record = RetrainRecord(job, threads: threads)
    record.iterations = parameters.iterations
    record.warmStart = isWarm
  }

  /// Returns `nil` if the candidate is rejected because its quality is below that of the live model.
  mutating func train() throws -> TrainedModel? {
    phases.begin("rows")
    let rows = TrainingRows(job.state, block: job.settings.trainingBlock, minSupport: job.settings.minSupport)
    switch job.source {
    case .training, .external: break
    case .stored(let load):
      phases.begin("load")
      return try rollBack(to: try load(), rows)
    case .shadow(let load, let settings): return try install(load(), settings, rows)
    }
    let holdout = job.live == nil ? nil : Holdout(job.state.users, eventsSinceFreeze: job.eventsSinceFreeze)
    guard let candidate = try fitAndJudge(rows, holdout) else { return nil }
    return try finish(
      candidate.factors, candidate.trained, rows, job.settings, trainedPairs: job.state.users.pairCount,
      trainedAtMilliseconds: clock.wallMilliseconds)
  }

  /// Item vectors by index, and which items have one.
  private typealias Candidate = (factors: FactorMatrix, trained: [Bool])

  /// Returns `nil` if the candidate is rejected.
  private mutating func fitAndJudge(_ rows: TrainingRows, _ holdout: Holdout?) throws -> Candidate? {
    if case .external(let train) = job.source {
      let candidate = try fit(train, without: holdout)
      if let holdout, let live = job.live, !judge(candidate, live, holdout) { return nil }
      return candidate
    }
    record.items = rows.columns.count
    var columnFactors = try fit(rows, without: holdout)
    if let holdout, let live = job.live {
      guard judge(rows.itemIndexed(columnFactors, job.state.catalogue.items), live, holdout) else { return nil }
      columnFactors = try refine(columnFactors, rows)
    }
    return rows.itemIndexed(columnFactors, job.state.catalogue.items)
  }

  private mutating func fit(
    _ train: @Sendable (ExternalTraining) throws -> StoredModel, without holdout: Holdout?
  ) throws -> Candidate {
    phases.begin("external")
    record.iterations = 0
    record.warmStart = false
    record.solver = RetrainRecord.external
    let stored: StoredModel
    do { stored = try train(ExternalTraining(job, without: holdout, monitor)) } catch {
      throw monitor.isCancelled ? TrainingError.cancelled : error
    }
    guard monitor.continues(at: 1) else { throw TrainingError.cancelled }
    let (wanted, given) = (job.settings.parameters.factors, stored.factors.factors)
    guard given == wanted else { throw ExternalTrainingError("the vectors have \(given) floats, and model.factors is \(wanted)") }
    let candidate = stored.itemIndexed(job.state.catalogue.items)
    record.items = candidate.trained.count { $0 }
    guard record.items > 0 else {
      throw ExternalTrainingError("none of the \(stored.items.count) item ids is one of those that were exported")
    }
    return candidate
  }

  /// The model of an earlier epoch, with the settings that it was served with.
  private mutating func rollBack(to stored: StoredModel, _ rows: TrainingRows) throws -> TrainedModel {
    var model = try install(stored, ModelSettings(job.configuration, stored.promotion), rows)
    model.rolledBackTo = stored.epoch
    record.baseEpoch = stored.epoch
    return model
  }

  /// Makes a model of item vectors that are there already; users are folded in from their current histories.
  private mutating func install(_ stored: StoredModel, _ settings: ModelSettings, _ rows: TrainingRows) throws -> TrainedModel {
    let wanted = settings.engine.parameters.factors
    guard stored.factors.factors == wanted else { throw StoredModelFault.factors(stored.epoch, stored.factors.factors, wanted) }
    let (factors, trained) = stored.itemIndexed(job.state.catalogue.items)
    record.items = trained.count { $0 }
    record.factors = wanted
    record.iterations = 0
    guard record.items > 0 else { throw StoredModelFault.noItems(stored.epoch) }
    var model = try finish(
      factors, trained, rows, settings.engine, trainedPairs: stored.trainedPairs, trainedAtMilliseconds: stored.trainedAtMilliseconds)
    model.settings = settings
    return model
  }

  /// Trains on all pairs, without vectors of users.
  mutating func trainUnserved() throws -> InstalledModel {
    let rows = TrainingRows(job.state, block: job.settings.trainingBlock, minSupport: job.settings.minSupport)
    let columnFactors = try fit(rows, without: nil)
    let (factors, trained) = rows.itemIndexed(columnFactors, job.state.catalogue.items)
    guard factors.isFinite else { throw TrainingError.notFinite(halfStep: record.loss.count, rows: factors.rows) }
    var model = InstalledModel(
      epoch: 0, itemFactors: factors, trained: trained, gramian: Gramian(of: factors, pool: pool),
      trainedPairs: job.state.users.pairCount, trainedAtMilliseconds: clock.wallMilliseconds)
    model.support = rows.support
    return model
  }

  private mutating func fit(_ rows: TrainingRows, without holdout: Holdout?) throws -> FactorMatrix {
    phases.begin("train")
    let threshold = holdout?.threshold
    let visible = rows.matrix(of: job.state.users) { threshold == nil || $0 < threshold! }
    record.trainingRows = visible.rows
    let start = rows.start(of: job.state.catalogue.items, live: isWarm ? job.live : nil, settings: job.settings)
    let monitor = self.monitor
    let outcome = try trainer.train(visible, start: start, endWithRows: false, isWarmStart: isWarm, losses: .atTheEnd) {
      monitor.continues(at: $0.ratio)
    }
    record.loss = outcome.losses.map(\.total)
    record.secondsPerIteration = outcome.secondsPerIteration
    return outcome.columnFactors
  }

  /// Returns false if the candidate is worse than the live model: its recall is lower by more than `maxQualityDrop`, and the difference
  /// is beyond noise. A live model that was trained on at most half as many pairs cannot reject a candidate.
  private mutating func judge(_ candidate: Candidate, _ live: InstalledModel, _ holdout: Holdout) -> Bool {
    phases.begin("judge")
    let judge = HoldoutJudge(holdout, job.state, job.settings, pool)
    record.holdoutPairs = holdout.pairs
    let before = judge.recalls(itemFactors: live.itemFactors, has: { live.isTrained($0) })
    let after = judge.recalls(itemFactors: candidate.factors, has: { candidate.trained[Int($0)] })
    let users = Double(max(1, before.count))
    let (old, new) = (before.reduce(0, +) / users, after.reduce(0, +) / users)
    let difference = PairedDifference(before: before, after: after)
    (record.qualityOld, record.qualityNew) = (old, new)
    record.qualityMargin = difference.margin.isFinite ? difference.margin : nil
    let settings = job.settings
    let isOutgrown = live.trainedPairs * 2 <= job.state.users.pairCount - holdout.pairs
    guard new < old * (1 - settings.maxQualityDrop), difference.isDrop, !isOutgrown, !settings.acceptQualityDrop else { return true }
    record.message =
      "recall_at_20 fell from \(old) to \(new) (95 % interval of the difference \(difference.mean - difference.margin) to \(difference.mean + difference.margin)), exceeding retrain.max_quality_drop \(settings.maxQualityDrop)"
    return false
  }

  /// Runs one more iteration on all pairs, held-out pairs included.
  private mutating func refine(_ columnFactors: FactorMatrix, _ rows: TrainingRows) throws -> FactorMatrix {
    phases.begin("refine")
    guard monitor.continues(at: 0) else { throw TrainingError.cancelled }
    var parameters = trainer.parameters
    parameters.iterations = 1
    let everything = rows.matrix(of: job.state.users) { _ in true }
    record.trainingRows = everything.rows
    let monitor = self.monitor
    return try ALSTrainer(parameters, options: SolverOptions(workers: threads, isBackground: true))
      .train(everything, start: columnFactors, endWithRows: false, isWarmStart: true, losses: .atTheEnd) {
        monitor.continues(at: $0.ratio)
      }.columnFactors
  }

  private mutating func finish(
    _ factors: FactorMatrix, _ trained: [Bool], _ rows: TrainingRows, _ settings: EngineSettings, trainedPairs: Int,
    trainedAtMilliseconds: Int64
  ) throws -> TrainedModel {
    phases.begin("fold-in")
    guard factors.isFinite else { throw TrainingError.notFinite(halfStep: record.loss.count, rows: factors.rows) }
    var model = InstalledModel(
      epoch: 0, itemFactors: factors, trained: trained, gramian: Gramian(of: factors, pool: pool),
      trainedPairs: trainedPairs, trainedAtMilliseconds: trainedAtMilliseconds)
    model.support = rows.support
    let served = try foldInEveryUser(&model, settings)
    if let live = job.live {
      phases.begin("churn")
      record.churn = ListChurn(job.state).report(from: (live, job.settings), to: (model, settings), pool)
      guard monitor.continues(at: 1) else { throw TrainingError.cancelled }
    }
    model.prior = try learnPrior(model, settings)
    let absent = model.absentItems
    return TrainedModel(
      model: model, served: served, index: ItemIndex(factors, absent: absent),
      similar: SimilarItems(factors, absent: absent, support: rows.support, shrinkage: settings.similarShrinkage),
      rareItems: rows.users(ofItemsWithout: trained, job.state.users), documentedItems: documentedItems(model))
  }

  /// Learns the map from features to vectors, and leaves it out if it knows nothing.
  private mutating func learnPrior(_ model: InstalledModel, _ settings: EngineSettings) throws -> ItemPrior? {
    guard let rules = settings.itemPrior, job.items.count > 0 else { return nil }
    phases.begin("item prior")
    let examples = examples(model, rules)
    let monitor = self.monitor
    let trial = ItemPriorTrial(examples, rules, seed: settings.seed)
    let outcome = trial.run(job.state.users, settings.foldIn, model) { !monitor.continues(at: 0.5) }
    guard monitor.continues(at: 1) else { throw TrainingError.cancelled }
    var learned: ItemPrior?
    if let outcome, outcome.isPassed {
      learned = ItemPrior.learn(examples, factors: model.factors, rules) { model.itemFactors[Int($0)] }
    }
    record.itemPrior = RetrainRecord.ItemPriorRecord(
      items: examples.count, features: learned?.featureCount ?? 0, recallAt20: outcome?.map, profileRecallAt20: outcome?.profile,
      randomRecallAt20: outcome?.random, isUsed: learned != nil)
    return learned
  }

  private func documentedItems(_ model: InstalledModel) -> [Identifier] {
    guard let prior = model.prior else { return [] }
    let items = job.state.catalogue.items
    let trained = Set((0..<Int32(items.capacity)).lazy.filter(model.isTrained).map { Identifier(items.name($0)) })
    return job.items.ids.filter { id in
      !trained.contains(id) && job.items.document(id).flatMap { prior.vector(of: $0) } != nil
    }.sorted()
  }

  /// The trained items that have features, those with the most users first.
  private func examples(_ model: InstalledModel, _ rules: ItemPrior.Rules) -> [ItemPrior.Example] {
    let items = job.state.catalogue.items
    let trained = (0..<Int32(items.capacity)).filter(model.isTrained)
      .sorted { model.support[Int($0)] == model.support[Int($1)] ? $0 < $1 : model.support[Int($0)] > model.support[Int($1)] }
    return trained.prefix(Self.examplesMax).compactMap { item in
      guard let document = job.items.document(Identifier(items.name(item))) else { return nil }
      let features = ItemPrior.features(of: document, titleWords: rules.titleWords)
      return features.isEmpty ? nil : ItemPrior.Example(item: item, features: features)
    }
  }

  private static let examplesMax = 100_000

  /// Computes all user vectors by fold-in, so that every published vector is produced by the same method.
  private func foldInEveryUser(_ model: inout InstalledModel, _ settings: EngineSettings) throws -> [ServedFactors] {
    let all = job.state.users
    let references = all.references
    let matrix = try solve(references, model, settings.foldIn)
    var served = all.partitions.map { _ in ServedFactors(factors: matrix.factors) }
    var sums = [Double](repeating: 0, count: matrix.factors)
    var count = 0
    for (row, user) in references.enumerated() where !all.history(user).isEmpty {
      served[Int(user.partition)].set(user.index, to: matrix.pointer + row * matrix.stride)
      for (index, value) in matrix[row].enumerated() { sums[index] += Double(value) }
      count += 1
    }
    model.userGramian = Gramian(of: matrix, pool: pool)
    model.servedUsers = count
    model.meanUser = sums.map { Float($0 / Double(max(1, count))) }
    return served
  }

  /// Solves one row per user.
  private func solve(_ users: [UserReference], _ model: InstalledModel, _ foldIn: FoldIn) throws -> FactorMatrix {
    let (all, monitor) = (job.state.users, monitor)
    var rows = FactorMatrix(rows: users.count, factors: model.factors)
    let stride = rows.stride
    let done = Atomic<Int>(0)
    rows.withMutablePointer { pointer in
      let output = WorkerShared(pointer)
      pool.run(count: users.count, chunk: 1024) { range, _ in
        guard monitor.continues(at: Double(done.load(ordering: .relaxed)) / Double(users.count)) else { return }
        let workspace = FoldIn.Workspace(factors: model.factors)
        for row in range { all.foldIn(users[row], foldIn, model, into: output.value + row * stride, workspace) }
        done.add(range.count, ordering: .relaxed)
      }
    }
    guard monitor.continues(at: 1) else { throw TrainingError.cancelled }
    return rows
  }

  mutating func close(_ result: RetrainRecord.Result) {
    record.result = result
    record.secondsPerPhase = phases.finished()
    record.endedAtMilliseconds = clock.wallMilliseconds
  }
}

private struct PhaseTimer {
  private let monitor: TrainingMonitor
  private let clock: any EngineClock
  private var phases: [RetrainRecord.Phase] = []
  private var current: (name: String, began: UInt64)?

  init(monitor: TrainingMonitor, clock: any EngineClock) {
    self.monitor = monitor
    self.clock = clock
  }

  mutating func begin(_ name: String) {
    phases = finished()
    current = (name, clock.monotonicNanoseconds)
    monitor.begin(name)
  }

  func finished() -> [RetrainRecord.Phase] {
    guard let current else { return phases }
    return phases + [.init(name: current.name, seconds: Double(clock.monotonicNanoseconds - current.began) / 1e9)]
  }
}

extension RetrainRecord {
  /// The initial record of a job that has not run yet.
  init(_ job: TrainingJob, threads: Int) {
    let settings = job.settings
    let unobserved =
      if case .alpha(let alpha) = settings.parameters.confidence { 1 / Double(alpha) } else {
        Double(settings.parameters.confidence.unobserved)
      }
    self.init(
      job: job.id, reason: "\(job.reason)", result: .failed, message: nil, epoch: nil, startedAtMilliseconds: job.startedAtMilliseconds,
      endedAtMilliseconds: job.startedAtMilliseconds, secondsPerPhase: [], threads: threads, residentBytes: 0,
      users: job.state.users.count, items: 0, pairs: job.state.users.pairCount, trainingRows: 0, holdoutPairs: 0, warmStart: false,
      factors: settings.parameters.factors, iterations: 0, unobservedWeight: unobserved,
      regularization: Double(settings.parameters.regularization.lambda), seed: settings.seed, kernel: Kernels.best.name,
      solver: "\(settings.parameters.solver)",
      offsets: Dictionary(uniqueKeysWithValues: job.state.offsets.next.map { ("\($0.key)", $0.value) }), loss: [], secondsPerIteration: 0,
      qualityOld: nil, qualityNew: nil)
  }
}
