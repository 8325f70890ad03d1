import StreamingRecommender
import Telemetry

// Full retrains and snapshots beside the stream.
extension IngestLoop {
  // MARK: Trainings

  func stepTraining() {
    guard let running = training.running else {
      if engine.lifecycle.job == .none { startTrainingIfDue() }
      return
    }
    jobs.update(running.job) {
      $0.phase = running.monitor.phase
      $0.ratio = running.monitor.ratio
    }
    if let limit = settings.maxTrainingTime, ports.clock.monotonicNanoseconds - running.began > limit.nanoseconds {
      running.monitor.cancel()
    }
    if let result = running.handle.result { endTraining(running.job, result) }
  }

  private func startTrainingIfDue() {
    guard source.holdsEverything else { return }
    let requested = jobs.running(.retrain)
    if let requested, requested.request != .retrain { return begin(requested) }
    let situation = situation(requested: requested != nil)
    switch settings.retrain.decide(situation) {
    case .wait(let condition):
      if let requested { refuse(requested.id, situation) }
      noteWaiting(for: condition)
    case .retrain(let reason): begin(reason, requested?.id, situation)
    }
  }

  private func begin(_ reason: RetrainPolicy.Reason, _ requested: String?, _ situation: RetrainPolicy.Situation) {
    training.awaits = nil
    let new = requested == nil ? jobs.begin(.retrain, nowNanoseconds: ports.clock.monotonicNanoseconds) : nil
    // Somebody has asked for another model at this moment; the next turn takes it.
    if let new, !new.isNew { return }
    guard let job = requested ?? new?.id else { return }
    log.info("a retrain begins: \(reason)", ["job": job, "pairs": situation.pairs])
    start(job, reason)
  }

  /// Makes the next epoch of vectors that are there already: of a kept model, of the shadow, or of another program.
  private func begin(_ requested: JobBoard.Job) {
    training.awaits = nil
    let now = ports.clock.wallMilliseconds
    var work: TrainingJob?
    switch requested.request {
    case .retrain: return
    case .rollback(let epoch):
      guard engine.model?.epoch != epoch else { return fail(requested.id, "epoch \(epoch) is the one in use") }
      guard let epochs = ports.epochs else { return fail(requested.id, "no epochs are kept: set retrain.keep_epochs") }
      work = engine.makeTrainingJob(
        id: requested.id, reason: .rollback(epoch), source: .stored { try epochs.read(epoch) }, nowMilliseconds: now)
      work?.configuration = settings.configuration
    case .promotion:
      work = engine.makePromotionJob(id: requested.id, over: settings.configuration, nowMilliseconds: now)
    case .imported(let directory):
      guard let vectors = ports.vectors else { return fail(requested.id, "this engine imports no vectors") }
      work = engine.makeTrainingJob(
        id: requested.id, reason: .imported(directory), source: .external { _ in try vectors(directory) }, nowMilliseconds: now)
    }
    guard let work else { return fail(requested.id, "there is no trained shadow model: see shadow.settings") }
    log.info("a \(requested.request.word) begins", ["job": requested.id])
    run(work, requested.id)
  }

  private func fail(_ job: String, _ message: String) {
    jobs.update(job) {
      $0.state = .failed
      $0.message = message
    }
  }

  /// Without a model there are no lists, so the log says what the first one waits for.
  private func noteWaiting(for condition: RetrainPolicy.Condition) {
    training.awaits = condition
    guard engine.model == nil, engine.state.eventsApplied > 0, training.isNoteDue(now: ports.clock.monotonicNanoseconds) else { return }
    log.info("there is no model yet; \(condition)", repetition: .always)
  }

  private func situation(requested: Bool) -> RetrainPolicy.Situation {
    var situation = engine.situation(requested: requested)
    situation.lag = lag
    situation.modelAge = .milliseconds(
      max(0, ports.clock.wallMilliseconds - (training.lastAttemptMilliseconds ?? engine.model?.trainedAtMilliseconds ?? 0)))
    situation.running = .nanoseconds(Int64(ports.clock.monotonicNanoseconds - startedNanoseconds))
    training.complete(&situation, now: ports.clock.monotonicNanoseconds)
    situation.drift = models.drift(of: engine.model?.epoch)
    return situation
  }

  private func refuse(_ job: String, _ situation: RetrainPolicy.Situation) {
    fail(job, "there are too few interactions to train on: \(situation.pairs) pairs, \(situation.users) users, \(situation.items) items")
  }

  private func start(_ job: String, _ reason: RetrainPolicy.Reason) {
    let source = ports.externalTrainer.map { TrainingJob.Source.external($0) } ?? .training
    run(engine.makeTrainingJob(id: job, reason: reason, source: source, nowMilliseconds: ports.clock.wallMilliseconds), job)
  }

  private func run(_ work: TrainingJob, _ job: String) {
    models.makeWay()
    let now = EngineInstant(ports.clock)
    let monitor = TrainingMonitor()
    let (threads, clock, residentBytes) = (settings.trainingThreads, ports.clock, ports.residentBytes)
    let handle = ports.jobs.run { work.run(threads: threads, monitor: monitor, clock: clock, residentBytes: residentBytes) }
    training.begin(.init(job: job, handle: handle, monitor: monitor, began: now.monotonicNanoseconds), at: now)
  }

  /// Ends the job while it waits or trains; a model that is adopted already goes to the readers.
  func cancelTraining(_ job: String) {
    if let running = training.running {
      if running.job == job { running.monitor.cancel() }
      return
    }
    guard engine.lifecycle.job == .none, jobs.running(.retrain)?.id == job else { return }
    jobs.update(job) {
      $0.state = .cancelled
      $0.message = "cancelled before it began"
    }
  }

  private func endTraining(_ job: String, _ result: TrainingResult) {
    guard let trained = result.trained else {
      engine.abandonTraining(wasTraining: jobs.job(job)?.request == .retrain)
      let states: [RetrainRecord.Result: JobBoard.State] = [.rejected: .rejected, .cancelled: .cancelled]
      finish(job, result.record, states[result.record.result] ?? .failed)
      return
    }
    training.accepted(result.record)
    perform(engine.adopt(trained))
    jobs.update(job) { $0.phase = "snapshot" }
  }

  /// Readers have the job's epoch; the lists of its users follow.
  func notePointerMoved(_ job: String, _ epoch: UInt32) {
    guard var record = training.publishing else { return }
    record.epoch = epoch
    record.visibleAtMilliseconds = ports.clock.wallMilliseconds
    training.publishing = record
    ports.retrainEnded(record)
    jobs.update(job) {
      $0.phase = "lists"
      $0.message = "readers have epoch \(epoch); the lists of its users follow"
      $0.record = record
    }
  }

  /// Every user has a list of the job's epoch.
  func finishTraining(_ job: String) {
    guard var record = training.publishing else { return }
    record.rolledOutAtMilliseconds = ports.clock.wallMilliseconds
    finish(job, record, .done)
  }

  private func finish(_ job: String, _ record: RetrainRecord, _ state: JobBoard.State) {
    training.ended(record, now: ports.clock.monotonicNanoseconds)
    // Before the job ends: who waits for that looks at the records next.
    ports.retrainEnded(record)
    jobs.update(job) {
      $0.state = state
      $0.phase = "ended"
      $0.ratio = 1
      $0.message = record.message ?? ""
      $0.record = record
    }
    record.count(in: metrics)
    log.info(
      "a retrain ended: \(record.result.rawValue)",
      [
        "job": job, "epoch": record.epoch, "message": record.message, "quality_old": record.qualityOld, "quality_new": record.qualityNew,
        "seconds": Double(record.endedAtMilliseconds - record.startedAtMilliseconds) / 1e3,
      ], repetition: .always)
  }

  // MARK: Snapshots

  func stepSnapshot() {
    let now = ports.clock.monotonicNanoseconds
    // While the store is away, every attempt would only make more and smaller files.
    guard mayArchive, snapshots.isWriting || archiveStatus?.problem == nil else { return }
    switch snapshots.step(now: now, interval: settings.snapshotInterval) {
    case .wait: break
    case .freeze(let sequence):
      let snapshot = frozenSnapshot(sequence: sequence)
      let storage = ports.storage
      let handle = ports.jobs.run { () -> Result<SnapshotReceipt, SnapshotError> in
        do { return .success(try storage.write(snapshot)) } catch {
          return .failure((error as? SnapshotError) ?? SnapshotError(.input("\(error)"), path: ""))
        }
      }
      snapshots.writing(handle, snapshot)
    case .ended(let snapshot, let result): ended(snapshot, result)
    }
  }

  private func ended(_ snapshot: SnapshotCycle.Written, _ result: Result<SnapshotReceipt, SnapshotError>) {
    switch result {
    case .success(let receipt):
      ports.source.commit(snapshot.offsets)
      snapshots.lastMilliseconds = ports.clock.wallMilliseconds
      receipt.count(in: metrics, atMilliseconds: ports.clock.wallMilliseconds)
      for job in snapshot.jobs { jobs.update(job) { $0.state = .done } }
      perform(engine.lifecycle.snapshotDurable(epoch: snapshot.epoch))
      if case .publishing(let job, _) = engine.lifecycle.job { jobs.update(job) { if $0.phase == "snapshot" { $0.phase = "publish" } } }
    case .failure(let error):
      metrics.snapshots.add(1, labels: ["failed"])
      log.error("\(error)")
      for job in snapshot.jobs {
        jobs.update(job) {
          $0.state = .failed
          $0.message = "\(error)"
        }
      }
    }
  }

  // MARK: Life cycle of the models

  /// Carries out what the life cycle of the models asks for.
  func perform(_ actions: [ModelLifecycle.Action]) {
    for action in actions {
      switch action {
      case .requestSnapshot: snapshots.request()
      case .renumberLive(let epoch), .renumberPending(let epoch):
        engine.renumber(action)
        log.warning("Redis holds a newer epoch than this engine's snapshot; the model goes on as epoch \(epoch)")
      case .forgetSubmittedLists: planner.forgetSubmittedLists()
      case .pointerMoved(let job, let epoch): notePointerMoved(job, epoch)
      case .jobDone(let job, _): finishTraining(job)
      }
    }
  }
}
