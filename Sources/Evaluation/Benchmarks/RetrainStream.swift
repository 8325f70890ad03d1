import Pipeline
import StreamingRecommender
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The owner of the engine in a `RetrainBenchmark`: applies events, computes lists, and starts trainings and installs their models.
final class RetrainStream {
  private(set) var engine: RecommenderEngine
  /// Covers the states that trainings used and the models that they produced, except those of the cancelled one.
  private(set) var hash = ResultHash()
  private let benchmark: RetrainBenchmark
  private let progress: (RetrainBenchmark.Progress) -> Void
  private var events: GeneratedEvents
  private let scratch: EngineScratch
  private let jobs = ThreadJobRunner()

  /// The largest number of new items whose vectors are solved in one turn, as in the ingest loop.
  private static let newItemsMax = 64

  init(_ benchmark: RetrainBenchmark, _ progress: @escaping (RetrainBenchmark.Progress) -> Void) {
    self.benchmark = benchmark
    self.progress = progress
    engine = RecommenderEngine(benchmark.configuration)
    events = GeneratedEvents(users: benchmark.users, items: benchmark.items, seed: benchmark.seed)
    scratch = EngineScratch(factors: benchmark.configuration.model.factors, workers: benchmark.configuration.foldIn.workers)
  }

  // MARK: Events

  /// Applies a backlog at full speed without lists. Returns the seconds spent on applying.
  @discardableResult
  func apply(_ count: Int, _ label: String) -> Double {
    var nanoseconds: UInt64 = 0
    var done = 0
    while done < count {
      let batch = events.next(min(RetrainBenchmark.batch, count - done))
      let began = MonotonicClock.nanoseconds()
      _ = engine.apply(batch)
      nanoseconds += MonotonicClock.nanoseconds() - began
      done += batch.count
      report(label, done, of: count)
    }
    return Double(nanoseconds) / 1e9
  }

  /// Runs turns at a steady rate.
  func run(turns count: Int, _ label: String, into turns: RetrainBenchmark.Turns) {
    var pace = Pace(benchmark.turnInterval)
    for done in 0..<count {
      turn(due: pace.due, into: turns)
      report(label, done + 1, of: count)
      pace.wait()
    }
  }

  private func turn(due: UInt64, into turns: RetrainBenchmark.Turns) {
    let batch = events.next(benchmark.turnEvents)
    let began = MonotonicClock.nanoseconds()
    let update = engine.apply(batch)
    _ = engine.refreshNewItems(max: Self.newItemsMax)
    _ = engine.refresh(update.changedUsers, scratch)
    let ended = MonotonicClock.nanoseconds()
    turns.work.record(ended - began)
    turns.delay.record(ended - min(due, began))
  }

  // MARK: Tombstones

  /// Adds new items by some users and removes these users, as many in one turn as the ingest loop polls.
  func forget(_ count: Int, newItems: Int, _ label: String) -> RetrainBenchmark.Tombstones {
    var outcome = RetrainBenchmark.Tombstones(count: count, newItems: newItems)
    let time = engine.state.users.newestTimeMilliseconds
    for start in stride(from: 0, to: newItems, by: RetrainBenchmark.batch) {
      let numbers = start..<min(newItems, start + RetrainBenchmark.batch)
      _ = engine.apply(
        numbers.map {
          Interaction(user: Array("u\($0 % count)".utf8), item: Array("new-\($0)".utf8), timeMilliseconds: time + Int64($0))
        })
      report(label, numbers.upperBound, of: newItems)
    }
    let source = TopicPartition(topic: engine.settings.topics[0], partition: 0)
    for start in stride(from: 0, to: count, by: RetrainBenchmark.batch) {
      let records = (start..<min(count, start + RetrainBenchmark.batch)).map {
        Record(offset: Int64($0), timestampMilliseconds: time, key: Array("u\($0)".utf8), value: nil)
      }
      let began = MonotonicClock.nanoseconds()
      outcome.places += engine.apply([RecordBatch(source: source, records: records)]).placesOfForgotten
      let nanoseconds = MonotonicClock.nanoseconds() - began
      outcome.turns.record(nanoseconds)
      outcome.seconds += Double(nanoseconds) / 1e9
    }
    return outcome
  }

  // MARK: Trainings

  /// Runs a training.
  ///
  /// - Parameters:
  ///   - hasTurns: whether the stream continues during the training.
  ///   - cancelAt: the fraction of half-steps after which the training is cancelled; its state and model are not hashed.
  func train(_ reason: RetrainPolicy.Reason, _ label: String, hasTurns: Bool = true, cancelAt: Double? = nil) -> RetrainBenchmark.Training {
    let stateHash = engine.stateHash()
    let (epoch, residentBytes) = (engine.model?.epoch, self.residentBytes)
    var watch = Watch(label: label, cancelAt: cancelAt, turns: hasTurns ? RetrainBenchmark.Turns() : nil, residentBytesPeak: residentBytes)
    var ended = compute(reason, &watch)
    var training = RetrainBenchmark.Training(
      record: ended.result.record, seconds: ended.seconds, freezeSeconds: ended.freezeSeconds, residentBytesBefore: residentBytes,
      residentBytesPeak: max(watch.residentBytesPeak, ended.result.record.residentBytes),
      secondsToCancel: watch.cancelledAt.map { Double(ended.atNanoseconds - min($0, ended.atNanoseconds)) / 1e9 }, stateHash: stateHash,
      epochBefore: epoch)
    if let turns = watch.turns { training.turns = turns }
    training.installSeconds = install(&ended.result)
    training.epochAfter = engine.model?.epoch
    if cancelAt == nil { add(stateHash) }
    return training
  }

  private struct Ended: Sendable {
    var result: TrainingResult
    var atNanoseconds: UInt64
    var seconds = 0.0
    var freezeSeconds = 0.0
  }

  private func compute(_ reason: RetrainPolicy.Reason, _ watch: inout Watch) -> Ended {
    let monitor = TrainingMonitor()
    watch.cancelIfDue(monitor)
    let began = MonotonicClock.nanoseconds()
    let handle = start(reason, monitor)
    let frozen = MonotonicClock.nanoseconds()
    var ended = wait(for: handle, monitor, &watch)
    ended.freezeSeconds = Double(frozen - began) / 1e9
    ended.seconds = Double(ended.atNanoseconds - began) / 1e9
    return ended
  }

  /// The frozen state is owned by the job alone, so that it is released when the work ends.
  private func start(_ reason: RetrainPolicy.Reason, _ monitor: TrainingMonitor) -> JobHandle<Ended> {
    let job = engine.makeTrainingJob(id: "benchmark", reason: reason, nowMilliseconds: WallClock.milliseconds())
    let threads = benchmark.threads
    return jobs.run {
      let result = job.run(threads: threads, monitor: monitor) { ProcessMetrics.residentMemoryBytes() ?? 0 }
      return Ended(result: result, atNanoseconds: MonotonicClock.nanoseconds())
    }
  }

  /// The measurements during a training.
  private struct Watch {
    let label: String
    let cancelAt: Double?
    let turns: RetrainBenchmark.Turns?
    var residentBytesPeak: Int
    var cancelledAt: UInt64?

    mutating func cancelIfDue(_ monitor: TrainingMonitor) {
      guard let cancelAt, cancelledAt == nil, cancelAt <= 0 || monitor.phase == "train" && monitor.ratio >= cancelAt else { return }
      cancelledAt = MonotonicClock.nanoseconds()
      monitor.cancel()
    }

    func report(_ monitor: TrainingMonitor, _ progress: (RetrainBenchmark.Progress) -> Void) {
      let phase = monitor.phase
      guard phase != "waiting" else { return }
      progress(.init(label: "\(label), \(phase)", done: Int(monitor.ratio * 100), total: 100))
    }
  }

  private func wait(for handle: JobHandle<Ended>, _ monitor: TrainingMonitor, _ watch: inout Watch) -> Ended {
    var pace = Pace(benchmark.turnInterval)
    while true {
      if let turns = watch.turns { turn(due: pace.due, into: turns) }
      watch.residentBytesPeak = max(watch.residentBytesPeak, residentBytes)
      watch.cancelIfDue(monitor)
      let ended = handle.result
      watch.report(monitor, progress)
      if let ended { return ended }
      pace.wait()
    }
  }

  /// Installs the model and returns the seconds until lists could be computed with it.
  private func install(_ result: inout TrainingResult) -> Double {
    let began = MonotonicClock.nanoseconds()
    if let trained = result.trained {
      result.trained = nil
      engine.adopt(trained)
    } else {
      engine.abandonTraining()
    }
    // Only the engine references the model here, so nothing is copied on write.
    _ = engine.installPending()
    return Double(MonotonicClock.nanoseconds() - began) / 1e9
  }

  private func add(_ state: StateHash) {
    hash.add(state.high)
    hash.add(state.low)
    guard let factors = engine.model?.itemFactors else { return }
    for item in 0..<factors.rows { hash.add(factors[item]) }
  }

  // MARK: Results

  var memory: RetrainBenchmark.Memory {
    RetrainBenchmark.Memory(interactions: engine.state.users.pairCount, residentBytes: residentBytes, state: engine.size)
  }

  private var residentBytes: Int { ProcessMetrics.residentMemoryBytes() ?? 0 }

  private func report(_ label: String, _ done: Int, of total: Int) { progress(.init(label: label, done: done, total: total)) }
}

/// Schedules turns at equal intervals, however long the turns take.
private struct Pace {
  private let interval: UInt64
  private(set) var due = MonotonicClock.nanoseconds()

  init(_ interval: Duration) { self.interval = UInt64(interval / .nanoseconds(1)) }

  /// Waits for the next turn; a late turn begins immediately.
  mutating func wait() {
    due += interval
    let now = MonotonicClock.nanoseconds()
    if due > now { usleep(UInt32((due - now) / 1000)) }
  }
}

extension RetrainBenchmark {
  public func run(progress: @escaping (Progress) -> Void = { _ in }) -> Outcome {
    let stream = RetrainStream(self, progress)
    let loading = stream.apply(interactions, "events")
    let atRestWithoutModel = stream.memory
    let first = stream.train(.first, "first model", hasTurns: false)
    let atRest = stream.memory
    stream.apply(interactions / 100 - turnsBetween * turnEvents, "more events")
    let turns = Turns()
    stream.run(turns: turnsBetween, "turns", into: turns)
    let warm = stream.train(.interactions(stream.engine.demand.eventsSinceFreeze), "retrain")
    let hash = stream.hash
    let cancelled = stream.train(.requested, "retrain to cancel", cancelAt: cancelAtRatio)
    let eventsApplied = Int(stream.engine.state.eventsApplied)
    let forgotten = tombstones > 0 ? stream.forget(tombstones, newItems: newItems, "tombstones") : nil
    return Outcome(
      loadedPerSecond: Double(interactions) / loading, atRestWithoutModel: atRestWithoutModel, atRest: atRest, first: first, turns: turns,
      warm: warm, cancelled: cancelled, tombstones: forgotten, eventsApplied: eventsApplied, hash: hash)
  }
}
