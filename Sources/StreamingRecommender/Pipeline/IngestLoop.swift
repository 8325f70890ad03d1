import Factorization
import Telemetry

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Poll, apply, publish, record progress, in that order, over and over; with trainings and snapshots beside it.
///
/// One thread owns it. It never waits for Kafka, Redis or the disk longer than `turn` was allowed to wait for records.
public final class IngestLoop {
  public struct Settings: Sendable {
    public var pollMax = 2048
    public var foldInBatchMax: Int
    public var foldInLinger: Duration
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
      foldInLinger = configuration.foldIn.linger
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
    public var source: any RecordSource
    public var publisher: any RecommendationPublisher
    public var deadLetters: any DeadLetterSink
    public var storage: any SnapshotStorage
    public var jobs: any JobRunner
    public var clock: any EngineClock
    public var residentBytes: @Sendable () -> Int
    /// Called with the record of every retrain.
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
  let scratch: EngineScratch
  var planner: PublishPlanner
  var ticket: UInt64 = 0
  /// When the records of a ticket's live lists were produced.
  var inFlight: [(ticket: UInt64, submittedAt: UInt64, producedAt: [Int64])] = []
  var freshness = RollingLatency()
  var startedNanoseconds: UInt64
  var lastRecordMilliseconds: Int64?
  var watchedNanoseconds: UInt64 = 0
  /// Partitions whose dead letters wait, and those that were told to wait for whatever reason.
  var heldPartitions: Set<TopicPartition> = []
  var pausedPartitions: Set<TopicPartition> = []
  var isMemoryPaused = false
  /// Partitions that the publisher reads progress for.
  var followed: Set<TopicPartition> = []
  /// Whether the view has told what it holds: before, nothing is published.
  var hasMetView = false
  var fatal: String?
  var replay = ReplayTarget()
  /// What the source said after the last poll; putting it together costs a call per partition.
  var source = SourceStatus()
  /// The last turn gave the view something; there may be more.
  var hasSubmitted = false
  var publishedNanoseconds: UInt64 = 0
  /// When the first of the users that wait now changed.
  var dirtyNanoseconds: UInt64 = 0
  /// When the last record in the log had been read.
  var caughtUpMilliseconds: Int64
  /// The highest epoch ever heard of; the next one is above it.
  var epochFloor: UInt32
  public internal(set) var snapshots: SnapshotCycle
  var training: Training?
  var lastRetrain: RetrainRecord?
  /// When a training last began in this process; before that, the model's own time counts.
  var lastAttemptMilliseconds: Int64?
  var hasCaughtUp = false
  /// After a training that came to nothing, the policy does not start the next one at once.
  var trainingNotBefore: UInt64 = 0
  static let trainingRetryAfter = Duration.seconds(60)

  enum Training {
    case running(job: String, JobHandle<TrainingResult>, TrainingMonitor, began: UInt64)
    /// The model is adopted; its epoch must be durable before anybody sees it.
    case awaitingSnapshot(job: String, RetrainRecord)
    case rollingOut(job: String, RetrainRecord)
  }

  /// Letters unacknowledged at which a partition is held back, and goes on.
  static let lettersMax = 1000
  static let lettersMin = 100
  static let behindPublishEvery = Duration.milliseconds(100)

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
    caughtUpMilliseconds = ports.clock.wallMilliseconds
    snapshots = SnapshotCycle(nextSequence: firstSnapshotSequence, nowNanoseconds: now)
    var first = EngineStatus()
    first.tickedNanoseconds = MonotonicClock.nanoseconds()
    status.set(first)
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
    source = ports.source.status
    for event in batch.events { note(event) }
    if !batch.parts.isEmpty, fatal == nil { apply(batch.parts) }
    takePublisherEvents()
    takeAcknowledgements()
    publishUnlessBehind(polled: batch.count)
    stepTraining()
    stepSnapshot()
    watch()
    return batch.count
  }

  /// Nothing is polled, applied, waiting or in flight; for tests and for the end of a replay.
  public var isQuiet: Bool {
    planner.isIdle && inFlight.isEmpty && engine.pending == nil && training == nil && !snapshots.isBusy
  }

  // MARK: Records

  func apply(_ batches: [RecordBatch]) {
    let now = EngineInstant(ports.clock)
    let began = MonotonicClock.nanoseconds()
    let update = engine.apply(batches, nowMilliseconds: now.wallMilliseconds)
    metrics.stageDuration.observe(Double(MonotonicClock.nanoseconds() - began) / 1e9, labels: ["decode"])
    for letter in update.deadLetters { handle(letter) }
    if planner.dirty.isEmpty { dirtyNanoseconds = ports.clock.monotonicNanoseconds }
    planner.note(update, offsets: engine.offsets)
    snapshots.noteChange()
    count(update, batches)
  }

  func handle(_ letter: DeadLetter) {
    let record = letter.record
    log.warning(
      "a record cannot be used: \(letter.reason)",
      ["reason": letter.reason, "message": letter.message, "source": "\(letter.source)", "offset": "\(record.offset)"])
    switch settings.onError {
    case .dlq:
      ports.deadLetters.send(letter)
      metrics.deadLetterMessages.add(1, labels: [letter.source.topic])
    case .skip: break
    }
  }

  func note(_ event: SourceEvent) {
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

  // MARK: Requests

  func takeRequests() {
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
    if !ports.source.close(timeout: max(left(), .milliseconds(200))) {
      problems.append("the consumer group was not left in time, because the broker does not answer")
    }
    ports.publisher.close()
    return problems
  }

  func publishWhatWaits(while hasTime: () -> Bool) {
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

  func writeLastSnapshot(until deadline: UInt64, _ problems: inout [String]) {
    while snapshots.isWriting, ports.clock.monotonicNanoseconds < deadline {
      stepSnapshot()
      usleep(2_000)
    }
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
