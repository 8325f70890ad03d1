import Telemetry

/// Poll, apply, publish, record progress, in that order, over and over; with trainings and snapshots beside it.
///
/// One thread owns it. It never waits for Kafka, Redis or the disk longer than `turn` was allowed to wait for records.
public final class IngestLoop {
  public struct Settings: Sendable {
    public var pollMax = 2048
    public var foldInWorkers: Int
    public var snapshotInterval: Duration
    public var trainingThreads: Int
    public var onError: RecommenderConfiguration.Input.OnError
    public var retrain: RetrainPolicy
    public var maxTrainingTime: Duration?
    public var maxResidentBytes: Int?
    /// How long a list can live in the view, and so how long a confirmed tombstone may have to be repeated.
    public var listLifetime: Duration
    public var popularN: Int
    var planner: PublishPlanner.Settings
    var deadLetters = DeadLetterQueue.Limits()

    public init(_ configuration: RecommenderConfiguration, trainingThreads: Int) {
      foldInWorkers = configuration.foldIn.workers
      snapshotInterval = configuration.snapshot.interval
      self.trainingThreads = configuration.retrain.threads ?? trainingThreads
      onError = configuration.input.onError
      retrain = RetrainPolicy(everyEvents: configuration.retrain.everyEvents, interval: configuration.retrain.interval)
      maxTrainingTime = configuration.retrain.maxDuration
      maxResidentBytes = configuration.limits.maxResidentBytes
      listLifetime = configuration.publish.ttl
      popularN = configuration.topN.popularN
      planner = PublishPlanner.Settings(
        vectors: configuration.publish.vectors, similar: configuration.publish.similar,
        pacing: PublishPacing.Settings(
          batchMax: configuration.foldIn.batchMax, linger: configuration.foldIn.linger, rateMax: configuration.publish.maxRate,
          refresh: configuration.publish.refresh))
    }
  }

  /// Everything outside that the loop acts on.
  public struct Ports {
    public var source: any RecordSource
    public var publisher: any RecommendationPublisher
    public var deadLetters: any DeadLetterSink
    public var storage: any SnapshotStorage
    public var jobs: any JobRunner
    public var clock: any EngineClock
    public var residentBytes: @Sendable () -> Int
    /// Called with the record of every retrain when it ends, and for an accepted one when its pointer moves, too.
    public var retrainEnded: (RetrainRecord) -> Void

    public init(
      source: any RecordSource, publisher: any RecommendationPublisher, deadLetters: any DeadLetterSink,
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
  public internal(set) var engine: RecommenderEngine
  public let mailbox = ControlMailbox()
  public let status = StatusBoard()
  public let jobs: JobBoard
  let ports: Ports
  let log: Log
  let metrics: EngineMetrics
  var planner: PublishPlanner
  var executor: PublishExecutor
  public internal(set) var snapshots: SnapshotCycle
  var training = TrainingDesk()
  var deadLetters: DeadLetterQueue
  var replay = ReplayHold()
  var ticket: UInt64 = 0
  /// When the records of a ticket's live lists were produced.
  var inFlight: [(ticket: UInt64, submittedAt: UInt64, producedAt: [Int64])] = []
  var freshness = RollingLatency()
  /// What the source said after the last poll; putting it together costs a call per partition.
  var source = SourceStatus()
  /// Partitions that the publisher reads progress for.
  var followed: Set<TopicPartition> = []
  /// Whether the view has told what it holds: before, nothing is published.
  var isViewKnown = false
  /// The last turn gave the view something; there may be more.
  var hasSubmitted = false
  /// When the first of the users that wait now changed.
  var dirtyNanoseconds: UInt64 = 0
  var fatal: String?
  let startedNanoseconds: UInt64
  var lastRecordMilliseconds: Int64?
  /// When the last record in the log had been read.
  var caughtUpMilliseconds: Int64
  var hasCaughtUp = false
  private var watchedNanoseconds: UInt64 = 0
  private var pausedPartitions: Set<TopicPartition> = []
  private var isMemoryPaused = false
  /// The partitions of the topic are known and the users are distributed over as many.
  private var hasDistributedUsers = false

  static let watchEvery = Duration.milliseconds(200)

  public init(
    engine: RecommenderEngine, settings: Settings, ports: Ports, jobs: JobBoard, firstSnapshotSequence: UInt64,
    unacknowledgedDeadLetters: [DeadLetter] = [], log: Log = .disabled, metrics: EngineMetrics = EngineMetrics()
  ) {
    self.engine = engine
    self.settings = settings
    self.ports = ports
    self.jobs = jobs
    self.log = log
    self.metrics = metrics
    planner = PublishPlanner(settings: settings.planner)
    executor = PublishExecutor(
      scratch: EngineScratch(factors: engine.settings.parameters.factors, workers: settings.foldInWorkers),
      vectors: settings.planner.vectors, popularN: settings.popularN, clock: ports.clock)
    deadLetters = DeadLetterQueue(limits: settings.deadLetters)
    startedNanoseconds = ports.clock.monotonicNanoseconds
    caughtUpMilliseconds = ports.clock.wallMilliseconds
    snapshots = SnapshotCycle(nextSequence: firstSnapshotSequence, nowNanoseconds: startedNanoseconds)
    var first = EngineStatus()
    first.tickedNanoseconds = startedNanoseconds
    status.set(first)
    for letter in unacknowledgedDeadLetters { send(letter) }
    ports.source.start(at: engine.state.offsets, marks: engine.state.marks)
  }

  /// One round. Waits at most `maxWait` for records, and not at all while lists are being made: what cannot be submitted now waits
  /// for the view, whose acknowledgements end the wait.
  ///
  /// Returns the number of records polled.
  @discardableResult
  public func turn(maxWait: Duration) -> Int {
    takeRequests()
    let batch = ports.source.poll(max: settings.pollMax, timeout: hasSubmitted ? .zero : maxWait)
    source = ports.source.status
    distributeUsers()
    for event in batch.events { note(event) }
    if !batch.parts.isEmpty, fatal == nil { apply(batch.parts) }
    stepDeadLetters()
    takePublisherEvents()
    takeAcknowledgements()
    publishIfDue(polled: batch.count)
    stepTraining()
    stepSnapshot()
    watch()
    return batch.count
  }

  /// Nothing is polled, applied, waiting or in flight; for tests and for the end of a replay.
  public var isQuiet: Bool {
    planner.isIdle && engine.lifecycle.rollout == nil && engine.lifecycle.job == .none && inFlight.isEmpty && !snapshots.isBusy
  }

  // MARK: Records

  /// Once the partitions are known, before the first record is applied.
  private func distributeUsers() {
    guard !hasDistributedUsers else { return }
    let count = source.all.count { $0.topic == engine.settings.topics[0] }
    guard count > 0, engine.lifecycle.job == .none else { return }
    hasDistributedUsers = true
    engine.distributeUsers(into: count)
  }

  private func apply(_ batches: [RecordBatch]) {
    // A source that knows its partitions only later delivers to the state as it is.
    hasDistributedUsers = true
    let began = ports.clock.monotonicNanoseconds
    let update = engine.apply(batches)
    metrics.stageDuration.observe(Double(ports.clock.monotonicNanoseconds - began) / 1e9, labels: ["decode"])
    for letter in update.deadLetters { handle(letter) }
    if !planner.dirty.hasReady { dirtyNanoseconds = ports.clock.monotonicNanoseconds }
    planner.note(update, offsets: engine.state.offsets)
    snapshots.noteChange()
    count(update, batches)
  }

  private func count(_ update: EngineUpdate, _ batches: [RecordBatch]) {
    update.count(in: metrics, isReplay: !hasCaughtUp)
    if let time = batches.lazy.flatMap(\.records).compactMap(\.timestampMilliseconds).max() {
      lastRecordMilliseconds = time
      metrics.lastEventTimestamp.set(Double(time) / 1e3)
    }
    if !update.applied.isEmpty { metrics.lastAppliedTimestamp.set(Double(ports.clock.wallMilliseconds) / 1e3) }
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
      for partition in partitions { metrics.consumerLagRecords.remove(labels: [partition.topic, "\(partition.partition)"]) }
      log.info("partitions revoked", ["partitions": partitions.map { "\($0)" }.joined(separator: " ")])
      metrics.rebalances.add(1, labels: ["revoked"])
    case .gap(let partition, let expected, let resumed): noteGap(partition, expected, resumed)
    case .fatal(let why):
      fatal = why
      log.error("\(why)")
    }
  }

  private func noteGap(_ partition: TopicPartition, _ expected: Int64, _ resumed: Int64?) {
    guard let resumed else {
      log.error(
        "\(partition): the log no longer holds offset \(expected); the partition halts. Set kafka.on_gap=earliest to go on without the lost records"
      )
      return
    }
    let missing = max(0, resumed - expected)
    metrics.partitionGapRecords.add(Int(missing), labels: [partition.topic])
    log.error("\(partition): the log no longer holds offset \(expected); reading goes on at \(resumed), \(missing) records are lost")
    engine.skip(to: resumed, partition)
  }

  // MARK: Dead letters

  private func handle(_ letter: DeadLetter) {
    log.warning(
      "a record cannot be used: \(letter.reason)",
      ["reason": letter.reason, "message": letter.message, "source": "\(letter.source)", "offset": letter.record.offset])
    if settings.onError == .dlq {
      send(letter)
      metrics.deadLetterMessages.add(1, labels: [letter.source.topic])
    }
  }

  private func send(_ letter: DeadLetter) {
    ports.deadLetters.send(letter)
    deadLetters.append(letter, sequence: ports.deadLetters.lastSequence)
  }

  /// A partition whose dead letters cannot be written waits; the others go on.
  private func stepDeadLetters() {
    deadLetters.acknowledge(through: ports.deadLetters.acknowledgedThrough)
    let changes = deadLetters.updateHeld()
    for partition in changes.new {
      let load = deadLetters.loads[partition] ?? .init()
      log.error(
        "\(partition) waits: \(load.count) dead letters of \(load.bytes) bytes are not acknowledged; check that its dead-letter topic exists and takes writes"
      )
    }
    for partition in changes.released { log.info("\(partition) goes on: its dead letters are written") }
    if !changes.new.isEmpty || !changes.released.isEmpty { pausePartitions() }
  }

  // MARK: Backpressure

  private func watch() {
    let now = ports.clock.monotonicNanoseconds
    guard now - watchedNanoseconds >= Self.watchEvery.nanoseconds else { return }
    watchedNanoseconds = now
    watchMemory()
    pausePartitions()
    if !deadLetters.held.isEmpty { metrics.backpressure.with("dead_letters").add(seconds: Self.watchEvery.milliseconds / 1e3) }
    if lag == 0 {
      caughtUpMilliseconds = ports.clock.wallMilliseconds
      if !hasCaughtUp { metrics.recoveryDuration.set(Double(now - startedNanoseconds) / 1e9) }
      hasCaughtUp = true
    }
    engine.state.forgotten.expire(before: ports.clock.wallMilliseconds - Int64(settings.listLifetime.milliseconds))
    let next = EngineStatus(of: self, now: now)
    status.set(next)
    next.export(to: metrics, engine: engine, deadLetterFailures: ports.deadLetters.failures)
  }

  private func watchMemory() {
    guard let limit = settings.maxResidentBytes else { return }
    let over = ports.residentBytes() > limit
    if over != isMemoryPaused {
      isMemoryPaused = over
      log.warning(over ? "memory is above limits.max_rss; consuming waits" : "memory is below limits.max_rss again")
    }
    if over { metrics.backpressure.with("memory").add(seconds: Self.watchEvery.milliseconds / 1e3) }
  }

  /// One decision for all reasons to wait: partitions whose dead letters wait, and all of them while memory is short.
  private func pausePartitions() {
    let wanted = isMemoryPaused ? source.all : deadLetters.held
    for partition in wanted.subtracting(pausedPartitions) { ports.source.setPaused(true, partition) }
    for partition in pausedPartitions.subtracting(wanted) { ports.source.setPaused(false, partition) }
    pausedPartitions = wanted
  }

  /// Records not read yet over all partitions; `nil` while unknown.
  var lag: Int64? {
    guard !source.assigned.isEmpty, source.assigned.isSubset(of: source.lagRecords.keys) else { return nil }
    return source.lagRecords.values.reduce(0, +)
  }

  /// How old the newest applied record is while there are others behind it; not older than the last time that there were none.
  var lagSeconds: Double? {
    guard let lag else { return nil }
    if lag == 0 { return 0 }
    return Double(max(0, ports.clock.wallMilliseconds - max(lastRecordMilliseconds ?? 0, caughtUpMilliseconds))) / 1e3
  }

  // MARK: Requests

  private func takeRequests() {
    for request in mailbox.drain() {
      switch request {
      case .cancelRetrain(let job): cancelTraining(job)
      case .snapshot(let job): snapshots.request(job: job)
      case .freeze(let handle): handle.complete(engine.frozenState())
      }
    }
  }

  // MARK: The end

  /// Stops polling, drains, flushes lists and dead letters, writes a last snapshot and commits it, leaves the group.
  ///
  /// Returns what could not be done in time; nothing of it is lost, a restart replays it.
  public func shutDown(timeout: Duration) -> [String] {
    var problems: [String] = []
    let deadline = ports.clock.monotonicNanoseconds + timeout.nanoseconds
    func left() -> Duration { .nanoseconds(Int64(max(0, Int64(deadline) - Int64(ports.clock.monotonicNanoseconds)))) }
    training.cancel()
    publishWhatWaits(while: { left() > timeout / 2 })
    if ports.publisher.status.isUp, !ports.publisher.flush(timeout: left() / 4) { problems.append("some lists were not acknowledged") }
    takeAcknowledgements()
    planner.hurryProgress()
    publish()
    if ports.publisher.status.isUp { _ = ports.publisher.flush(timeout: left() / 4) }
    if !ports.deadLetters.flush(timeout: left() / 2) {
      problems.append("some dead letters were not acknowledged; the snapshot carries them, and a restart sends them again")
    }
    deadLetters.acknowledge(through: ports.deadLetters.acknowledgedThrough)
    writeLastSnapshot(until: deadline, &problems)
    if !ports.source.close(timeout: max(left(), .milliseconds(200))) {
      problems.append("the consumer group was not left in time, because the broker does not answer")
    }
    ports.publisher.close()
    return problems
  }

  private func publishWhatWaits(while hasTime: () -> Bool) {
    while planner.dirty.hasReady, ports.publisher.status.isUp, hasTime() {
      publish()
      if !hasSubmitted, !ports.publisher.flush(timeout: .milliseconds(200)) { continue }
      takeAcknowledgements()
      if !hasSubmitted, ports.publisher.room > 0, planner.dirty.hasReady {
        publish()
        // Nothing more can be made now: no model yet, or a replay that holds lists back.
        if !hasSubmitted { return }
      }
    }
  }

  private func writeLastSnapshot(until deadline: UInt64, _ problems: inout [String]) {
    while snapshots.isWriting, ports.clock.monotonicNanoseconds < deadline {
      stepSnapshot()
      ports.clock.sleep(for: .milliseconds(2))
    }
    guard !snapshots.isWriting else {
      problems.append("the last snapshot is not written: the one before is still on its way to the disk")
      return
    }
    do {
      let snapshot = engine.snapshot(sequence: snapshots.takeSequence(), deadLetters: deadLetters.unacknowledged)
      _ = try ports.storage.write(snapshot)
      ports.source.commit(snapshot.offsets)
    } catch {
      problems.append("\(error)")
    }
  }
}
