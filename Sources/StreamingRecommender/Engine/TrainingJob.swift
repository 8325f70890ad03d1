import Factorization
import Synchronization
import Telemetry

/// A retrain as a value: a frozen view of the state, what to do with it, and the model it must not fall behind.
///
/// `run` computes on its own pool and touches nothing of the live engine.
public struct TrainingJob: Sendable {
  public let id: String
  let reason: RetrainPolicy.Reason
  let store: InteractionStore
  let settings: EngineSettings
  let live: InstalledModel?
  let offsets: PartitionOffsets
  /// Events that came after the live model's freeze.
  let eventsSinceFreeze: Int
  let startedAtMilliseconds: Int64

  /// Newest pairs kept aside to judge the candidate, at most.
  static let holdoutMax = 20_000
  /// Below this many, a candidate is accepted when it is finite.
  public static let holdoutMin = 500

  public func run(threads: Int, monitor: TrainingMonitor, residentBytes: () -> Int = { 0 }) -> TrainingResult {
    var phases = PhaseTimer(monitor: monitor)
    var record = emptyRecord(threads: threads)
    do {
      let trained = try train(threads: threads, monitor: monitor, phases: &phases, record: &record)
      record.residentBytes = residentBytes()
      close(&record, phases, trained == nil ? .rejected : .accepted)
      return TrainingResult(record: record, trained: trained)
    } catch {
      record.message = "\(error)"
      close(&record, phases, (error as? TrainingError) == .cancelled ? .cancelled : .failed)
      return TrainingResult(record: record, trained: nil)
    }
  }

  private func train(threads: Int, monitor: TrainingMonitor, phases: inout PhaseTimer, record: inout RetrainRecord) throws
    -> TrainedModel?
  {
    let pool = WorkerPool(workers: threads)
    phases.begin("rows")
    let rows = TrainingRows(store: store, block: settings.trainingBlock)
    let threshold = live == nil ? nil : holdoutThreshold()
    record.items = rows.columns.count
    let warm = live != nil && settings.warmStart
    var parameters = settings.parameters
    parameters.iterations = warm ? settings.warmIterations : settings.parameters.iterations
    record.iterations = parameters.iterations
    record.warmStart = warm
    let options = SolverOptions(workers: threads)
    let trainer = ALSTrainer(parameters, options: options)

    phases.begin("train")
    let visible = rows.matrix(of: store) { threshold == nil || $0 < threshold! }
    record.trainingRows = visible.rows
    let start = rows.start(of: store, live: warm ? live : nil, settings: settings)
    let outcome = try trainer.train(visible, start: start, endWithRows: false, isWarmStart: warm, losses: .atTheEnd) {
      monitor.continues(at: $0.ratio)
    }
    record.loss = outcome.losses.map(\.total)
    record.secondsPerIteration = outcome.secondsPerIteration
    var columnFactors = outcome.columnFactors

    if let threshold, let live {
      phases.begin("judge")
      let candidate = rows.itemIndexed(columnFactors, store: store)
      let judge = HoldoutJudge(store: store, threshold: threshold, settings: settings, pool: pool)
      record.holdoutPairs = judge.pairs
      let old = judge.recall(itemFactors: live.itemFactors, has: { live.isTrained($0) })
      let new = judge.recall(itemFactors: candidate.factors, has: { candidate.trained[Int($0)] })
      (record.qualityOld, record.qualityNew) = (old, new)
      if new < old * (1 - settings.maxQualityDrop), !settings.acceptQualityDrop {
        record.message = "recall_at_20 fell from \(old) to \(new), more than retrain.max_quality_drop \(settings.maxQualityDrop) allows"
        return nil
      }
      phases.begin("refine")
      guard monitor.continues(at: 0) else { throw TrainingError.cancelled }
      var refinement = parameters
      refinement.iterations = 1
      let everything = rows.matrix(of: store) { _ in true }
      record.trainingRows = everything.rows
      columnFactors = try ALSTrainer(refinement, options: options)
        .train(everything, start: columnFactors, endWithRows: false, isWarmStart: true, losses: .atTheEnd) {
          monitor.continues(at: $0.ratio)
        }.columnFactors
    }

    phases.begin("fold-in")
    let (factors, trained) = rows.itemIndexed(columnFactors, store: store)
    guard factors.isFinite else { throw TrainingError.notFinite(halfStep: record.loss.count, rows: factors.rows) }
    var model = InstalledModel(
      epoch: 0, itemFactors: factors, trained: trained, gramian: Gramian(of: factors, pool: pool), trainedPairs: store.pairCount,
      trainedAtMilliseconds: WallClock.milliseconds())
    let served = try foldInEveryUser(&model, pool: pool, monitor: monitor)
    return TrainedModel(model: model, served: served, panels: ItemPanels(factors))
  }

  /// The catch-up: every user's row by fold-in, so that one rule makes every row that a reader sees.
  private func foldInEveryUser(_ model: inout InstalledModel, pool: WorkerPool, monitor: TrainingMonitor) throws -> ServedFactors {
    let foldIn = settings.foldIn
    let users = store.userCapacity
    let rows = Mutex(FactorMatrix(rows: users, factors: settings.parameters.factors))
    let slice = 1024
    let fixed = model
    let done = Atomic<Int>(0)
    pool.run(count: users, chunk: slice) { range, _ in
      guard monitor.continues(at: Double(done.load(ordering: .relaxed)) / Double(max(1, users))) else { return }
      let workspace = FoldIn.Workspace(factors: settings.parameters.factors)
      var part = FactorMatrix(rows: range.count, factors: settings.parameters.factors)
      part.withMutablePointer { pointer in
        for user in range {
          store.foldIn(Int32(user), foldIn, fixed, into: pointer + (user - range.lowerBound) * Kernels.padded(fixed.factors), workspace)
        }
      }
      rows.withLock { rows in
        let stride = rows.stride
        rows.withMutablePointer { ($0 + range.lowerBound * stride).update(from: part.pointer, count: range.count * stride) }
      }
      done.add(range.count, ordering: .relaxed)
    }
    guard monitor.continues(at: 1) else { throw TrainingError.cancelled }
    let matrix = rows.withLock { $0 }
    var served = ServedFactors(factors: matrix.factors)
    var sums = [Double](repeating: 0, count: matrix.factors)
    var count = 0
    for user in 0..<users where !store.history(Int32(user)).isEmpty {
      served.set(Int32(user), to: matrix.pointer + user * matrix.stride)
      for (index, value) in matrix[user].enumerated() { sums[index] += Double(value) }
      count += 1
    }
    model.userGramian = Gramian(of: matrix, pool: pool)
    model.servedUsers = count
    model.meanUser = sums.map { Float($0 / Double(max(1, count))) }
    return served
  }

  /// Pairs at or after this order are the holdout; `nil` when there are too few.
  private func holdoutThreshold() -> InteractionOrder? {
    let wanted = min(store.pairCount / 10, eventsSinceFreeze, Self.holdoutMax)
    guard wanted >= Self.holdoutMin else { return nil }
    var newest = BoundedNewest(capacity: wanted)
    for user in 0..<Int32(store.userCapacity) {
      store.forEachNewestFirst(user) { _, _, order in newest.offer(order) }
    }
    guard let oldest = newest.oldest else { return nil }
    var reached = 0
    for user in 0..<Int32(store.userCapacity) {
      store.forEachNewestFirst(user) { _, _, order in
        if order >= oldest { reached += 1 }
        return order >= oldest
      }
    }
    if reached <= wanted { return oldest }
    // Pairs of one time stand on both sides of the cut, perhaps all there are: that time stays in the training.
    return newest.count(above: oldest) >= Self.holdoutMin ? InteractionOrder(word: oldest.word + 1) : nil
  }

  private func emptyRecord(threads: Int) -> RetrainRecord {
    var unobserved = Double(settings.parameters.confidence.unobserved)
    if case .alpha(let alpha) = settings.parameters.confidence { unobserved = 1 / Double(alpha) }
    return RetrainRecord(
      job: id, reason: "\(reason)", result: .failed, message: nil, epoch: nil, startedAtMilliseconds: startedAtMilliseconds,
      endedAtMilliseconds: startedAtMilliseconds, secondsPerPhase: [], threads: threads, residentBytes: 0, users: store.users.count,
      items: 0, pairs: store.pairCount, trainingRows: 0, holdoutPairs: 0, warmStart: false, factors: settings.parameters.factors,
      iterations: 0, unobservedWeight: unobserved, regularization: Double(settings.parameters.regularization.lambda),
      seed: settings.seed, kernel: Kernels.best.name, solver: "\(settings.parameters.solver)",
      offsets: Dictionary(uniqueKeysWithValues: offsets.next.map { ("\($0.key)", $0.value) }), loss: [], secondsPerIteration: 0,
      qualityOld: nil, qualityNew: nil)
  }

  private func close(_ record: inout RetrainRecord, _ phases: PhaseTimer, _ result: RetrainRecord.Result) {
    record.result = result
    record.secondsPerPhase = phases.finished()
    record.endedAtMilliseconds = WallClock.milliseconds()
  }
}

/// A model that a training made, with every user's row and the layout for scoring, not yet seen by any reader.
public struct TrainedModel: Sendable {
  public var model: InstalledModel
  public var served: ServedFactors
  public var panels: ItemPanels
}

public struct TrainingResult: Sendable {
  public var record: RetrainRecord
  /// `nil` unless the result is `accepted`.
  public var trained: TrainedModel?
}

/// What a training tells while it runs, and the way to end it; shared by the trainer's threads and those who ask.
public final class TrainingMonitor: Sendable {
  private struct State {
    var phase = "waiting"
    var ratio = 0.0
  }
  private let state = Mutex(State())
  private let cancelled = Atomic<Bool>(false)

  public init() {}

  public func cancel() { cancelled.store(true, ordering: .relaxed) }
  public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
  public var phase: String { state.withLock { $0.phase } }
  /// Of the phase, 0 to 1.
  public var ratio: Double { state.withLock { $0.ratio } }

  func begin(_ phase: String) {
    state.withLock {
      $0.phase = phase
      $0.ratio = 0
    }
  }

  func continues(at ratio: Double) -> Bool {
    state.withLock { $0.ratio = ratio }
    return !isCancelled
  }
}

private struct PhaseTimer {
  private let monitor: TrainingMonitor
  private var phases: [RetrainRecord.Phase] = []
  private var current: (name: String, began: UInt64)?

  init(monitor: TrainingMonitor) { self.monitor = monitor }

  mutating func begin(_ name: String) {
    phases = finished()
    current = (name, MonotonicClock.nanoseconds())
    monitor.begin(name)
  }

  func finished() -> [RetrainRecord.Phase] {
    guard let current else { return phases }
    return phases + [.init(name: current.name, seconds: Double(MonotonicClock.nanoseconds() - current.began) / 1e9)]
  }
}

/// Keeps the newest of many orders: a binary heap with the oldest of them first.
struct BoundedNewest {
  private var heap: [InteractionOrder] = []
  private let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  var oldest: InteractionOrder? { heap.first }
  func count(above order: InteractionOrder) -> Int { heap.count { $0 > order } }

  /// False when `order` is older than all that is kept: whatever is older still can be left out too.
  mutating func offer(_ order: InteractionOrder) -> Bool {
    if heap.count < capacity {
      heap.append(order)
      var at = heap.count - 1
      while at > 0, heap[(at - 1) / 2] > heap[at] {
        heap.swapAt(at, (at - 1) / 2)
        at = (at - 1) / 2
      }
      return true
    }
    guard order > heap[0] else { return false }
    heap[0] = order
    var at = 0
    while true {
      var child = 2 * at + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[at] else { break }
      heap.swapAt(child, at)
      at = child
    }
    return true
  }
}
