import StreamingRecommender
import Synchronization
import Telemetry

// What is done about models beside trainings; all of it on other threads.
extension IngestLoop {
  func stepModels() {
    keepModel()
    stepShadow()
    stepDrift()
    stepTrending()
  }

  /// Writes a model as soon as it is adopted: afterwards new items change the live one, and would copy what is being written. One that a
  /// restart brought, or that could not be written, follows once readers have it.
  private func keepModel() {
    let now = ports.clock.monotonicNanoseconds
    if let handle = models.keeping {
      guard let isWritten = handle.result else { return }
      models.keeping = nil
      if !isWritten { (models.keptEpoch, models.keepAgainAt) = (nil, now + Self.keepAgainAfter.nanoseconds) }
    }
    guard let epochs = ports.epochs, now >= models.keepAgainAt else { return }
    let pending = engine.lifecycle.pending
    // In nearly every turn there is nothing to keep.
    guard let epoch = pending ?? engine.model?.epoch, models.keptEpoch != epoch, pending != nil || engine.lifecycle.isLiveVisible,
      let model = engine.storable(isPending: pending != nil)
    else { return }
    models.keptEpoch = epoch
    let (log, isNew) = (self.log, pending != nil)
    // Emptied by the job, so that the vectors have one owner again as soon as they are copied.
    let box = Mutex<StorableModel?>(model)
    models.keeping = ports.jobs.run {
      guard let model = box.withLock({ $0.take() }), isNew || !epochs.epochs().contains(epoch) else { return true }
      do {
        try epochs.write(model.stored)
        return true
      } catch {
        log.error("epoch \(epoch) cannot be kept for a rollback: \(error)")
        return false
      }
    }
  }

  private static let keepAgainAfter = Duration.seconds(60)

  /// Whether nothing else uses the cores for models.
  private var isModelIdle: Bool { engine.lifecycle.job == .none && engine.lifecycle.rollout == nil && !models.isBusy }

  private func run<Output: Sendable>(_ epoch: UInt32, _ work: @escaping @Sendable (TrainingMonitor) -> Output) -> ModelDesk.Running<Output>
  {
    let monitor = TrainingMonitor()
    return .init(handle: ports.jobs.run { work(monitor) }, monitor: monitor, epoch: epoch)
  }

  /// Trains another shadow as soon as nothing else is trained.
  func setShadow(_ shadow: RecommenderConfiguration.Shadow) {
    settings.configuration.shadow = shadow
    engine.setShadow(over: settings.configuration)
    // A promotion or a rollback on its way brings the shadow of when it began.
    models.setsShadowAgain = engine.lifecycle.job != .none
    models.shadow?.monitor.cancel()
    // What it would bring is not asked for any more.
    (models.shadow, models.shadowEpoch) = (nil, nil)
    let overrides = engine.shadowSettings?.overrides.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } ?? []
    log.info(
      overrides.isEmpty ? "there is no shadow model" : "there is another shadow model", ["settings": overrides.joined(separator: " ")])
  }

  /// Trains the shadow after each retrain, so that both models know the same events.
  private func stepShadow() {
    if models.setsShadowAgain, engine.lifecycle.job == .none {
      models.setsShadowAgain = false
      engine.setShadow(over: settings.configuration)
    }
    if let running = models.shadow {
      guard let result = running.handle.result else { return }
      models.shadow = nil
      if let trained = result {
        engine.installShadow(trained, epoch: running.epoch)
        log.info("the shadow model is trained", ["name": engine.shadowSettings?.name, "epoch": Int(running.epoch)])
      }
      if !running.monitor.isCancelled { models.shadowEpoch = running.epoch }
      return
    }
    guard let epoch = engine.model?.epoch, models.shadowEpoch != epoch, isModelIdle,
      let job = engine.makeShadowJob(id: "shadow", nowMilliseconds: ports.clock.wallMilliseconds)
    else { return }
    let (threads, clock) = (settings.trainingThreads, ports.clock)
    models.shadow = run(epoch) { job.runShadow(threads: threads, monitor: $0, clock: clock) }
  }

  private func stepDrift() {
    if let running = models.measurement {
      guard let result = running.handle.result else { return }
      models.measurement = nil
      if let report = result {
        models.drift = (report, running.epoch)
        log.info("the drift is measured", ["drift": report.drift, "epoch": Int(running.epoch)])
      }
      return
    }
    guard settings.retrain.maxDrift != nil, let epoch = engine.model?.epoch, engine.demand.eventsSinceFreeze > 0, isModelIdle,
      models.isDriftDue(epoch, every: settings.driftInterval, now: ports.clock.monotonicNanoseconds),
      let job = engine.makeDriftJob(nowMilliseconds: ports.clock.wallMilliseconds)
    else { return }
    let (threads, clock) = (settings.trainingThreads, ports.clock)
    models.measurement = run(epoch) { job.measureDrift(threads: threads, monitor: $0, clock: clock) }
  }

  /// Puts counts in fixed windows together every 10 s while events arrive; with many items that takes too long for a turn.
  private func stepTrending() {
    if let handle = models.trending {
      guard let blob = handle.result else { return }
      models.trending = nil
      planner.makeDue(blob)
      return
    }
    let (now, events) = (ports.clock.monotonicNanoseconds, engine.state.eventsApplied)
    if let last = models.trendingAt, last.events == events || now - last.nanoseconds < Self.trendingEvery.nanoseconds { return }
    guard events > 0, let windows = engine.trendWindows else { return }
    models.trendingAt = (now, events)
    let wall = ports.clock.wallMilliseconds
    models.trending = ports.jobs.run { windows.blob(nowMilliseconds: wall) }
  }

  private static let trendingEvery = Duration.seconds(10)

  /// Looks for similar users on another thread, one question at a time: while one is looked at, changed vectors are copied.
  func findSimilarUsers(to id: Identifier, _ n: Int, _ answer: JobHandle<SimilarUsersReport>) {
    if let last = models.similarUsers, last.result == nil { return answer.complete(.busy) }
    let name = engine.state.merged.resolve(id.bytes) ?? id.bytes
    guard let user = engine.state.users.find(name) else { return answer.complete(.unknownUser) }
    guard let search = SimilarUsers(engine.state, of: user), let epoch = engine.model?.epoch else { return answer.complete(.noVector) }
    models.similarUsers = ports.jobs.run { answer.complete(.found(search.matches(n), epoch: epoch)) }
  }

  /// Writes everything to the view again: item vectors, the pointer, the lists of all users, similar items, documents.
  func republish() {
    guard engine.model != nil, engine.lifecycle.rollout == nil else { return }
    planner.repeatEverything()
    perform(engine.lifecycle.republish())
    planner.makeDue(documentsOf: engine.items.ids)
  }
}
