import Factorization
import Telemetry

/// Poll, apply, publish, record progress, in that order, over and over; with trainings and snapshots beside it.
///
/// One thread owns it. It never waits for Kafka, Redis or the disk longer than `turn` was allowed to wait for records.
public final class IngestLoop {
  public struct Settings: Sendable {
    public var pollMax = 2048
    public var foldInBatchMax: Int
    public var foldInWorkers: Int
    public var snapshotInterval: Duration
    public var trainingThreads: Int
    public var onError: RecommenderConfiguration.Input.OnError
    public var retrain: RetrainPolicy
    public var maxTrainingTime: Duration?
    public var maxResidentBytes: Int?
    var planner: PublishPlanner.Settings

    public init(_ configuration: RecommenderConfiguration, trainingThreads: Int) {
      foldInBatchMax = configuration.foldIn.batchMax
      foldInWorkers = configuration.foldIn.workers
      snapshotInterval = configuration.snapshot.interval
      self.trainingThreads = configuration.retrain.threads ?? trainingThreads
      onError = configuration.input.onError
      retrain = RetrainPolicy(everyEvents: configuration.retrain.everyEvents, interval: configuration.retrain.interval)
      maxTrainingTime = configuration.retrain.maxDuration
      maxResidentBytes = configuration.limits.maxResidentBytes
      planner = PublishPlanner.Settings(
        batchMax: configuration.foldIn.batchMax, vectors: configuration.publish.vectors, similar: configuration.publish.similar,
        popularN: configuration.topN.popularN, rateMax: configuration.publish.maxRate, refresh: configuration.publish.refresh)
    }
  }

  /// Everything outside that the loop acts on.
  public struct Ports {
    public var source: any InteractionSource
    public var publisher: any RecommendationPublisher
    public var deadLetters: any DeadLetterSink
    public var storage: any SnapshotStorage
    public var jobs: any JobRunner
    public var clock: any EngineClock
    public var residentBytes: @Sendable () -> Int
    /// Called with the record of every retrain.
    public var retrainEnded: (RetrainRecord) -> Void

    public init(
      source: any InteractionSource, publisher: any RecommendationPublisher, deadLetters: any DeadLetterSink,
      storage: any SnapshotStorage, jobs: any JobRunner, clock: any EngineClock = SystemClock(),
      residentBytes: @escaping @Sendable () -> Int = { 0 }, retrainEnded: @escaping (RetrainRecord) -> Void = { _ in }
    ) {
      self.source = source
      self.publisher = publisher
      self.deadLetters = deadLetters
      self.storage = storage
      self.jobs = jobs
      self.clock = clock
      self.residentBytes = residentBytes
      self.retrainEnded = retrainEnded
    }
  }

  public let settings: Settings
  public private(set) var engine: RecommenderEngine
  public let mailbox = ControlMailbox()
  public let status = StatusBoard()
  public let jobs: JobBoard
  let ports: Ports
  let log: Log
  let metrics: EngineMetrics
  private let scratch: EngineScratch
  private(set) var planner: PublishPlanner
  private var ticket: UInt64 = 0
  /// When the records of a ticket's live lists were produced.
  private var inFlight: [(ticket: UInt64, producedAt: [Int64])] = []
  private var freshness = RollingLatency()
  private var startedNanoseconds: UInt64
  private var lastRecordMilliseconds: Int64?
  private var watchedNanoseconds: UInt64 = 0
  private var heldPartitions: Set<TopicPartition> = []
  private var isMemoryPaused = false
  /// Partitions that the publisher reads progress for.
  private var followed: Set<TopicPartition> = []
  /// Whether the view has told what it holds: before, nothing is published.
  private var hasMetView = false
  private var fatal: String?
  private var replay = ReplayTarget()
  /// The last turn gave the view something; there may be more.
  private var hasSubmitted = false
  /// The highest epoch ever heard of; the next one is above it.
  private var epochFloor: UInt32
  public var snapshots: SnapshotCycle
  private var training: Training?
  private var lastRetrain: RetrainRecord?
  private var modelAgeFrom: UInt64
  private var hasCaughtUp = false
  /// After a training that came to nothing, the policy does not start the next one at once.
  private var trainingNotBefore: UInt64 = 0
  private static let trainingRetryAfter = Duration.seconds(60)

  private enum Training {
    case running(job: String, JobHandle<TrainingResult>, TrainingMonitor, began: UInt64)
    /// The model is adopted; its epoch must be durable before anybody sees it.
    case awaitingSnapshot(job: String, RetrainRecord)
    case rollingOut(job: String, RetrainRecord)
  }

  /// Letters unacknowledged at which a partition is held back, and goes on.
  private static let lettersMax = 1000
  private static let lettersMin = 100

  public init(
    engine: RecommenderEngine, settings: Settings, ports: Ports, jobs: JobBoard, firstSnapshotSequence: UInt64, log: Log = .disabled,
    metrics: EngineMetrics = EngineMetrics()
  ) {
    self.engine = engine
    self.settings = settings
    self.ports = ports
    self.jobs = jobs
    self.log = log
    self.metrics = metrics
    scratch = EngineScratch(factors: engine.settings.parameters.factors, workers: settings.foldInWorkers)
    planner = PublishPlanner(settings: settings.planner)
    epochFloor = engine.lastEpoch
    let now = ports.clock.monotonicNanoseconds
    startedNanoseconds = now
    modelAgeFrom = now
    snapshots = SnapshotCycle(nextSequence: firstSnapshotSequence, nowNanoseconds: now)
    ports.source.start(at: engine.offsets)
  }

  /// One round. Waits at most `maxWait` for records, and not at all while lists are being made: what cannot be submitted now waits
  /// for the view, whose acknowledgements end the wait.
  ///
  /// Returns the number of records polled.
  @discardableResult
  public func turn(maxWait: Duration) -> Int {
    takeRequests()
    let batch = ports.source.poll(max: settings.pollMax, timeout: hasSubmitted ? .zero : maxWait)
    for event in batch.events { note(event) }
    if !batch.records.isEmpty, fatal == nil { apply(batch.records) }
    takePublisherEvents()
    takeAcknowledgements()
    publish()
    stepTraining()
    stepSnapshot()
    watch()
    return batch.records.count
  }

  /// Nothing is polled, applied, waiting or in flight; for tests and for the end of a replay.
  public var isQuiet: Bool {
    planner.isIdle && inFlight.isEmpty && engine.pending == nil && training == nil && !snapshots.isBusy
  }

  // MARK: Records

  private func apply(_ records: [Record]) {
    let now = EngineInstant(ports.clock)
    let began = MonotonicClock.nanoseconds()
    let update = engine.apply(records, nowMilliseconds: now.wallMilliseconds)
    metrics.stageDuration.observe(Double(MonotonicClock.nanoseconds() - began) / 1e9, labels: ["decode"])
    for letter in update.deadLetters { handle(letter) }
    planner.note(update, offsets: engine.offsets)
    snapshots.noteChange()
    count(update, records)
  }

  private func handle(_ letter: DeadLetter) {
    let record = letter.record
    log.warning(
      "a record cannot be used: \(letter.reason)",
      ["reason": letter.reason, "message": letter.message, "source": "\(record.source)", "offset": "\(record.offset)"])
    switch settings.onError {
    case .dlq:
      ports.deadLetters.send(letter)
      metrics.deadLetterMessages.add(1, labels: [record.source.topic])
    case .skip: break
    }
  }

  private func note(_ event: SourceEvent) {
    switch event {
    case .assigned(let partitions):
      if let beyond = partitions.first(where: { !engine.supports($0) }) {
        fatal = "\(beyond) cannot be read: at most 4,096 partitions a topic and 16 topics are supported"
      }
      log.info("partitions assigned", ["partitions": partitions.map { "\($0)" }.joined(separator: " ")])
      metrics.rebalances.add(1, labels: ["assigned"])
    case .revoked(let partitions):
      log.info("partitions revoked", ["partitions": partitions.map { "\($0)" }.joined(separator: " ")])
      metrics.rebalances.add(1, labels: ["revoked"])
    case .gap(let partition, let expected, let resumed):
      let missing = resumed.map { max(0, $0 - expected) } ?? 0
      metrics.partitionGapRecords.add(Int(missing), labels: [partition.topic])
      log.error(
        resumed == nil
          ? "\(partition): the log no longer holds offset \(expected); the partition halts. Set kafka.on_gap=earliest to go on without the lost records"
          : "\(partition): the log no longer holds offset \(expected); reading goes on at \(resumed!), \(missing) records are lost")
      if let resumed { engine.skip(to: resumed, partition) }
    case .fatal(let why):
      fatal = why
      log.error("\(why)")
    }
  }

  // MARK: Publishing

  /// Only an engine that holds all partitions speaks.
  private var canPublish: Bool {
    ports.source.status.holdsEverything && hasMetView && !snapshots.isRequiredBeforeRollout && ports.publisher.room > 0
  }

  private func takePublisherEvents() {
    let all = ports.source.status.all
    if !all.isEmpty, followed != all {
      followed = all
      hasMetView = false
      _ = ports.publisher.events()  // what was read before the partitions were known says nothing about them
      ports.publisher.follow(all.sorted())
    }
    for event in ports.publisher.events() {
      switch event {
      case .connected(let epoch, let published):
        guard !followed.isEmpty else { continue }
        hasMetView = true
        log.info("connected to Redis", ["epoch": epoch.map { "\($0)" } ?? "none"])
        epochFloor = max(epochFloor, epoch ?? 0)
        if let epoch, engine.moveEpochs(above: epoch) {
          log.warning(
            "Redis holds epoch \(epoch), newer than this engine's snapshot; the model goes on as epoch \(engine.pending?.model.epoch ?? engine.model?.epoch ?? 0)"
          )
          epochFloor = max(epochFloor, engine.lastEpoch)
          snapshots.requireBeforeRollout()
        }
        planner.connected(epoch: epoch, viewOffsets: published, engine: engine)
      case .disconnected(let why):
        log.warning("Redis is away: \(why)")
      }
    }
  }

  private func takeAcknowledgements() {
    let wallNow = ports.clock.wallMilliseconds
    let monotonicNow = MonotonicClock.nanoseconds()
    for acknowledgement in ports.publisher.acknowledged() {
      planner.acknowledge(through: acknowledgement.ticket)
      while let first = inFlight.first, first.ticket <= acknowledgement.ticket {
        inFlight.removeFirst()
        let sinceReply = monotonicNow > acknowledgement.atNanoseconds ? (monotonicNow - acknowledgement.atNanoseconds) / 1_000_000 : 0
        for produced in first.producedAt {
          let milliseconds = max(0, wallNow - Int64(sinceReply) - produced)
          freshness.record(UInt64(milliseconds) * 1_000_000, now: monotonicNow)
          metrics.eventToPublish.observe(Double(milliseconds) / 1e3)
        }
      }
    }
  }

  private func publish() {
    hasSubmitted = false
    guard canPublish else { return }
    let room = ports.publisher.room
    releaseHoldWhenCaughtUp()
    let began = MonotonicClock.nanoseconds()
    guard let batch = planner.next(&engine, scratch, room: room, ticket: ticket + 1, now: EngineInstant(ports.clock)) else { return }
    ticket += 1
    if batch.users > 0 {
      metrics.stageDuration.observe(Double(MonotonicClock.nanoseconds() - began) / 1e9, labels: ["fold_in"])
      metrics.foldInBatchSize.observe(Double(batch.users))
    }
    inFlight.append((ticket, batch.producedAt))
    ports.publisher.submit(batch.commands, ticket: ticket)
    hasSubmitted = true
  }

  private func releaseHoldWhenCaughtUp() {
    guard planner.isHolding else { return }
    if replay.isDone(offsets: engine.offsets, status: ports.source.status) { planner.releaseHold() }
  }

  /// Records not read yet over all partitions; `nil` while unknown.
  private var lag: Int64? {
    let status = ports.source.status
    guard !status.assigned.isEmpty, status.assigned.isSubset(of: status.lagRecords.keys) else { return nil }
    return status.lagRecords.values.reduce(0, +)
  }

  // MARK: Training

  private func stepTraining() {
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
      modelAgeFrom = ports.clock.monotonicNanoseconds
      var record = record
      record.epoch = engine.model?.epoch
      finish(job, record, .done)
      training = nil
    }
  }

  private func startTrainingIfDue() {
    let requested = jobs.running(.retrain)
    var situation = engine.situation(requested: requested != nil)
    situation.lag = lag
    situation.modelAge = .nanoseconds(Int64(ports.clock.monotonicNanoseconds - modelAgeFrom))
    situation.running = .nanoseconds(Int64(ports.clock.monotonicNanoseconds - startedNanoseconds))
    guard requested != nil || ports.clock.monotonicNanoseconds >= trainingNotBefore else { return }
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
    log.info("a retrain begins: \(reason)", ["job": job, "pairs": "\(situation.pairs)"])
    let work = engine.makeTrainingJob(id: job, reason: reason, nowMilliseconds: ports.clock.wallMilliseconds)
    let monitor = TrainingMonitor()
    let threads = settings.trainingThreads
    let residentBytes = ports.residentBytes
    let handle = ports.jobs.run { work.run(threads: threads, monitor: monitor, residentBytes: residentBytes) }
    training = .running(job: job, handle, monitor, began: ports.clock.monotonicNanoseconds)
  }

  private func endTraining(_ job: String, _ result: TrainingResult) {
    modelAgeFrom = ports.clock.monotonicNanoseconds
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

  private func finish(_ job: String, _ record: RetrainRecord, _ state: JobBoard.State) {
    lastRetrain = record
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
        "job": job, "epoch": record.epoch.map { "\($0)" } ?? "none", "message": record.message ?? "",
        "quality_old": record.qualityOld.map { "\($0)" } ?? "none", "quality_new": record.qualityNew.map { "\($0)" } ?? "none",
      ])
    ports.retrainEnded(record)
  }

  // MARK: Requests

  private func takeRequests() {
    for request in mailbox.drain() {
      switch request {
      case .cancelRetrain: if case .running(_, _, let monitor, _) = training { monitor.cancel() }
      case .snapshot: snapshots.request()
      case .republish: planner.republish(engine)
      case .freeze(let handle):
        handle.complete(
          FrozenState(store: engine.store.frozen(), eventsApplied: engine.eventsApplied, size: engine.stateSize()))
      }
    }
  }

  // MARK: Snapshots

  private func stepSnapshot() {
    let now = ports.clock.monotonicNanoseconds
    switch snapshots.step(
      now: now, interval: settings.snapshotInterval, lettersAcknowledged: ports.deadLetters.acknowledgedThrough)
    {
    case .wait: break
    case .freeze(let sequence):
      snapshots.hold(engine.snapshot(sequence: sequence), letters: ports.deadLetters.lastSequence)
    case .write(let snapshot):
      let storage = ports.storage
      snapshots.writing(
        ports.jobs.run {
          do { return .success(try storage.write(snapshot)) } catch {
            return .failure((error as? SnapshotError) ?? SnapshotError(.input("\(error)"), path: ""))
          }
        }, snapshot)
    case .ended(let snapshot, let result):
      ended(snapshot, result, now)
    }
  }

  private func ended(_ snapshot: SnapshotCycle.Written, _ result: Result<SnapshotReceipt, SnapshotError>, _ now: UInt64) {
    let job = jobs.running(.snapshot)
    switch result {
    case .success(let receipt):
      ports.source.commit(snapshot.offsets)
      snapshots.lastMilliseconds = ports.clock.wallMilliseconds
      metrics.snapshots.add(1, labels: ["ok"])
      metrics.snapshotBytes.set(Double(receipt.bytes))
      metrics.snapshotDuration.set(receipt.seconds)
      metrics.lastSuccessfulSnapshotTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3)
      if let job { jobs.update(job.id) { $0.state = .done } }
    case .failure(let error):
      metrics.snapshots.add(1, labels: ["failed"])
      log.error("\(error)")
      if let job {
        jobs.update(job.id) {
          $0.state = .failed
          $0.message = "\(error)"
        }
      }
    }
  }

  // MARK: Upkeep

  private static let watchEvery = Duration.milliseconds(200)

  private func watch() {
    let now = ports.clock.monotonicNanoseconds
    guard now - watchedNanoseconds >= Self.watchEvery.nanoseconds else { return }
    watchedNanoseconds = now
    holdBackPartitions()
    watchMemory()
    updateStatus(now)
  }

  /// A partition whose dead letters cannot be written waits; the others go on.
  private func holdBackPartitions() {
    let waiting = ports.deadLetters.unacknowledged
    for (partition, letters) in waiting where letters > Self.lettersMax && !heldPartitions.contains(partition) {
      heldPartitions.insert(partition)
      ports.source.setPaused(true, partition)
      log.error(
        "\(partition) waits: \(letters) dead letters are not acknowledged; check that \(partition.topic).dlq exists and takes writes")
    }
    for partition in heldPartitions where (waiting[partition] ?? 0) < Self.lettersMin {
      heldPartitions.remove(partition)
      ports.source.setPaused(false, partition)
      log.info("\(partition) goes on: its dead letters are written")
    }
    if !heldPartitions.isEmpty { metrics.backpressure.with("dead_letters").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  private func watchMemory() {
    guard let limit = settings.maxResidentBytes else { return }
    let over = ports.residentBytes() > limit
    if over != isMemoryPaused {
      isMemoryPaused = over
      for partition in ports.source.status.assigned.subtracting(heldPartitions) { ports.source.setPaused(over, partition) }
      log.warning(over ? "memory is above limits.max_rss; consuming waits" : "memory is below limits.max_rss again")
    }
    if over { metrics.backpressure.with("memory").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  private func updateStatus(_ now: UInt64) {
    var next = EngineStatus()
    next.epoch = engine.model?.epoch
    next.visibleEpoch = planner.visibleEpoch
    next.users = engine.store.users.count
    next.items = engine.store.items.count
    next.interactions = engine.store.pairCount
    next.eventsApplied = engine.eventsApplied
    next.source = ports.source.status
    next.publisher = ports.publisher.status
    next.isActive = next.source.holdsEverything
    next.lagRecords = lag
    next.lagSeconds = lag == 0 ? 0 : lastRecordMilliseconds.map { Double(max(0, ports.clock.wallMilliseconds - $0)) / 1e3 }
    (next.freshnessP50Milliseconds, next.freshnessP99Milliseconds) = freshness.percentiles(now: MonotonicClock.nanoseconds())
    next.waitingUsers = planner.dirty.count
    next.rollout = planner.rollout.map { "\($0.phase)" }
    next.isHolding = planner.isHolding
    next.lastSnapshotMilliseconds = snapshots.lastMilliseconds
    next.lastSnapshotProblem = snapshots.problem
    next.deadLetterProblem = heldPartitions.isEmpty ? nil : "dead letters cannot be written for \(heldPartitions.sorted())"
    next.eventsSinceFreeze = engine.eventsSinceFreeze
    if let job = jobs.running(.retrain) {
      next.retrainPhase = job.phase
      next.retrainRatio = job.ratio
    }
    next.lastRetrain = lastRetrain
    next.tickedNanoseconds = MonotonicClock.nanoseconds()
    next.fatal = fatal
    status.set(next)
    if !hasCaughtUp, lag == 0 {
      hasCaughtUp = true
      metrics.recoveryDuration.set(Double(now - startedNanoseconds) / 1e9)
    }
    export(next)
  }

  private func count(_ update: EngineUpdate, _ records: [Record]) {
    let topic = records[0].source.topic
    metrics.eventsConsumed.add(update.consumed, labels: [topic])
    metrics.eventsApplied.add(update.applied.count, labels: [topic])
    for (reason, count) in update.rejected { metrics.eventsRejected.add(count, labels: [topic, reason.rawValue]) }
    for (reason, count) in update.ignored { metrics.eventsIgnored.add(count, labels: [topic, reason.rawValue]) }
    if update.clampedValues > 0 { metrics.eventsClamped.add(update.clampedValues, labels: ["event_value"]) }
    if update.clampedTimestamps > 0 { metrics.eventsClamped.add(update.clampedTimestamps, labels: ["timestamp"]) }
    metrics.eventsKeyMismatch.add(update.keyMismatches)
    metrics.unknownItems.add(update.unknownItems)
    metrics.coalescedUpdates.add(update.applied.count - update.changedUsers.count)
    if !hasCaughtUp { metrics.replayedRecords.add(update.consumed) }
    if let time = records.lazy.compactMap(\.timestampMilliseconds).max() {
      lastRecordMilliseconds = time
      metrics.lastEventTimestamp.set(Double(time) / 1e3)
    }
    if !update.applied.isEmpty { metrics.lastAppliedTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3) }
  }

  private func export(_ status: EngineStatus) {
    metrics.users.set(Double(status.users))
    metrics.items.set(Double(status.items))
    metrics.interactions.set(Double(status.interactions))
    metrics.modelEpoch.set(Double(status.epoch ?? 0))
    metrics.modelTrainedTimestamp.set(Double(engine.model?.trainedAtMilliseconds ?? 0) / 1e3)
    metrics.partitionsAssigned.set(Double(status.source.assigned.count))
    for (partition, lag) in status.source.lagRecords {
      metrics.consumerLagRecords.set(Double(lag), labels: [partition.topic, "\(partition.partition)"])
    }
    if let seconds = status.lagSeconds, let topic = engine.settings.topics.first {
      metrics.consumerLagSeconds.set(seconds, labels: [topic, "all"])
    }
    metrics.kafkaUp.set(status.source.isUp ? 1 : 0)
    if let roundTrip = status.source.brokerRoundTripSeconds { metrics.kafkaBrokerRoundTrip.set(roundTrip, labels: ["0.99"]) }
    for (code, count) in status.source.errors { metrics.kafkaErrors.with(code).raise(to: Double(count)) }
    metrics.offsetGaps.with(engine.settings.topics[0]).raise(to: Double(status.source.offsetGaps))
    metrics.redisUp.set(status.publisher.isUp ? 1 : 0)
    metrics.publishQueueLength.set(Double(status.publisher.queuedCommands + status.waitingUsers))
    metrics.publishOldest.set(status.publisher.oldestSeconds)
    metrics.redisReconnects.raise(to: Double(status.publisher.reconnects))
    for (kind, count) in status.publisher.published { metrics.publishKeys.with(kind).raise(to: Double(count)) }
    for (kind, bytes) in status.publisher.publishedBytes { metrics.publishBytes.with(kind).raise(to: Double(bytes)) }
    for (kind, count) in status.publisher.errors { metrics.publishErrors.with(kind).raise(to: Double(count)) }
    metrics.deadLetterFailures.with(engine.settings.topics[0]).raise(to: Double(ports.deadLetters.failures))
    metrics.nonfiniteVectors.with("fold_in").raise(to: Double(engine.nonFiniteVectors))
    metrics.retrainProgress.set(status.retrainRatio)
  }

  // MARK: The end

  /// Stops polling, drains, flushes lists and dead letters, writes a last snapshot and commits it, leaves the group.
  ///
  /// Returns what could not be done in time; nothing of it is lost, a restart replays it.
  public func shutDown(timeout: Duration) -> [String] {
    var problems: [String] = []
    let deadline = ports.clock.monotonicNanoseconds + timeout.nanoseconds
    func left() -> Duration { .nanoseconds(Int64(max(0, Int64(deadline) - Int64(ports.clock.monotonicNanoseconds)))) }
    if case .running(_, _, let monitor, _) = training { monitor.cancel() }
    publishWhatWaits(while: { left() > timeout / 2 })
    if ports.publisher.status.isUp, !ports.publisher.flush(timeout: left() / 4) { problems.append("some lists were not acknowledged") }
    takeAcknowledgements()
    planner.hurryProgress()
    publish()
    if ports.publisher.status.isUp { _ = ports.publisher.flush(timeout: left() / 4) }
    if !ports.deadLetters.flush(timeout: left() / 2) { problems.append("dead letters were not acknowledged; no snapshot covers them") }
    if ports.deadLetters.acknowledgedThrough >= ports.deadLetters.lastSequence {
      writeLastSnapshot(until: deadline, &problems)
    }
    ports.source.close()
    ports.publisher.close()
    return problems
  }

  private func publishWhatWaits(while hasTime: () -> Bool) {
    while !planner.dirty.isEmpty, ports.publisher.status.isUp, hasTime() {
      publish()
      if !hasSubmitted, !ports.publisher.flush(timeout: .milliseconds(200)) { continue }
      takeAcknowledgements()
      if !hasSubmitted, ports.publisher.room > 0, !planner.dirty.isEmpty {
        publish()
        // Nothing more can be made now: no model yet, or a replay that holds lists back.
        if !hasSubmitted { return }
      }
    }
  }

  private func writeLastSnapshot(until deadline: UInt64, _ problems: inout [String]) {
    while snapshots.isWriting, ports.clock.monotonicNanoseconds < deadline { stepSnapshot() }
    guard !snapshots.isWriting else {
      problems.append("the last snapshot is not written: the one before is still on its way to the disk")
      return
    }
    do {
      let snapshot = engine.snapshot(sequence: snapshots.takeSequence())
      _ = try ports.storage.write(snapshot)
      ports.source.commit(snapshot.offsets)
    } catch {
      problems.append("\(error)")
    }
  }
}

/// Latencies of the last one to two minutes.
struct RollingLatency {
  private var current = LatencyHistogram()
  private var previous = LatencyHistogram()
  private var turnedAt: UInt64 = 0
  private static let window: UInt64 = 60_000_000_000

  mutating func record(_ nanoseconds: UInt64, now: UInt64) {
    turn(now)
    current.record(nanoseconds)
  }

  mutating func percentiles(now: UInt64) -> (p50: Double?, p99: Double?) {
    turn(now)
    let all = LatencyHistogram()
    all.merge(current)
    all.merge(previous)
    guard all.count > 0 else { return (nil, nil) }
    return (Double(all.quantile(0.5)) / 1e6, Double(all.quantile(0.99)) / 1e6)
  }

  private mutating func turn(_ now: UInt64) {
    guard now - turnedAt > Self.window else { return }
    turnedAt = now
    previous = current
    current = LatencyHistogram()
  }
}
