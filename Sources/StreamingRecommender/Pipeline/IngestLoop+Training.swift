import Telemetry

// Full retrains beside the stream: when one begins, how it ends, how its model comes to the readers.
extension IngestLoop {
  func stepTraining() {
    switch training {
    case nil: startTrainingIfDue()
    case .running(let job, let handle, let monitor, let began):
      jobs.update(job) {
        $0.phase = monitor.phase
        $0.ratio = monitor.ratio
      }
      if let limit = settings.maxTrainingTime, ports.clock.monotonicNanoseconds - began > limit.nanoseconds { monitor.cancel() }
      if let result = handle.result { endTraining(job, result) }
    case .awaitingSnapshot(let job, let record):
      guard let pending = engine.pending, snapshots.durableEpoch >= pending.model.epoch, !snapshots.isRequiredBeforeRollout else { return }
      planner.start(epoch: pending.model.epoch, installs: true)
      jobs.update(job) { $0.phase = "publish" }
      training = .rollingOut(job: job, record)
    case .rollingOut(let job, let record):
      guard engine.pending == nil else { return }
      var record = record
      record.epoch = engine.model?.epoch
      finish(job, record, .done)
      training = nil
    }
  }

  func startTrainingIfDue() {
    guard source.holdsEverything else { return }
    let requested = jobs.running(.retrain)
    guard requested != nil || ports.clock.monotonicNanoseconds >= trainingNotBefore else { return }
    var situation = engine.situation(requested: requested != nil)
    situation.lag = lag
    situation.modelAge = .milliseconds(
      max(0, ports.clock.wallMilliseconds - (lastAttemptMilliseconds ?? engine.model?.trainedAtMilliseconds ?? 0)))
    situation.running = .nanoseconds(Int64(ports.clock.monotonicNanoseconds - startedNanoseconds))
    guard engine.pending == nil, case .retrain(let reason) = settings.retrain.decide(situation) else {
      if let requested, engine.pending == nil {
        jobs.update(requested.id) {
          $0.state = .failed
          $0.message =
            "there are too few interactions to train on: \(situation.pairs) pairs, \(situation.users) users, \(situation.items) items"
        }
      }
      return
    }
    let job = requested?.id ?? jobs.begin(.retrain, nowNanoseconds: ports.clock.monotonicNanoseconds).id
    log.info("a retrain begins: \(reason)", ["job": job, "pairs": situation.pairs])
    lastAttemptMilliseconds = ports.clock.wallMilliseconds
    let work = engine.makeTrainingJob(id: job, reason: reason, nowMilliseconds: ports.clock.wallMilliseconds)
    let monitor = TrainingMonitor()
    let threads = settings.trainingThreads
    let residentBytes = ports.residentBytes
    let handle = ports.jobs.run { work.run(threads: threads, monitor: monitor, residentBytes: residentBytes) }
    training = .running(job: job, handle, monitor, began: ports.clock.monotonicNanoseconds)
  }

  /// Ends the job while it waits or trains; a model that is adopted already goes to the readers.
  func cancelTraining(_ job: String) {
    if case .running(job, _, let monitor, _) = training { monitor.cancel() }
    if training == nil, jobs.running(.retrain)?.id == job {
      jobs.update(job) {
        $0.state = .cancelled
        $0.message = "cancelled before it began"
      }
    }
  }

  func endTraining(_ job: String, _ result: TrainingResult) {
    guard let trained = result.trained else {
      engine.abandonTraining()
      trainingNotBefore = ports.clock.monotonicNanoseconds + Self.trainingRetryAfter.nanoseconds
      let states: [RetrainRecord.Result: JobBoard.State] = [.rejected: .rejected, .cancelled: .cancelled]
      finish(job, result.record, states[result.record.result] ?? .failed)
      training = nil
      return
    }
    epochFloor += 1
    engine.adopt(trained, epoch: epochFloor)
    snapshots.request()
    jobs.update(job) { $0.phase = "snapshot" }
    training = .awaitingSnapshot(job: job, result.record)
  }

  func finish(_ job: String, _ record: RetrainRecord, _ state: JobBoard.State) {
    lastRetrain = record
    // Before the job ends: who waits for that looks at the records next.
    ports.retrainEnded(record)
    jobs.update(job) {
      $0.state = state
      $0.phase = "ended"
      $0.ratio = 1
      $0.message = record.message ?? ""
      $0.record = record
    }
    let label = record.result == .accepted ? "ok" : record.result.rawValue
    metrics.retrains.add(1, labels: [label])
    for phase in record.secondsPerPhase { metrics.retrainDuration.set(phase.seconds, labels: [phase.name]) }
    if let quality = record.qualityNew { metrics.modelQuality.set(quality, labels: ["recall_at_20", "holdout"]) }
    if record.result == .accepted { metrics.lastSuccessfulRetrainTimestamp.set(Double(record.endedAtMilliseconds) / 1e3) }
    log.info(
      "a retrain ended: \(record.result.rawValue)",
      [
        "job": job, "epoch": record.epoch, "message": record.message, "quality_old": record.qualityOld, "quality_new": record.qualityNew,
      ], repetition: .always)
  }
}
