import StreamingRecommender
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
    /// The lag above which the engine is not ready.
    public var readyLagMax: Duration
    public var driftInterval: Duration
    /// Over whose values a shadow is promoted.
    var configuration: RecommenderConfiguration
    var planner: PublishPlanner.Settings
    var deadLetters = DeadLetterQueue.Limits()

    public init(_ configuration: RecommenderConfiguration, trainingThreads: Int) {
      foldInWorkers = configuration.foldIn.workers
      snapshotInterval = configuration.snapshot.interval
      self.trainingThreads = configuration.retrain.threads ?? trainingThreads
      onError = configuration.input.onError
      retrain = RetrainPolicy(configuration.retrain)
      maxTrainingTime = configuration.retrain.maxDuration
      maxResidentBytes = configuration.limits.maxResidentBytes
      listLifetime = configuration.publish.ttl
      popularN = configuration.topN.popularN
      readyLagMax = configuration.ready.maxLag
      driftInterval = configuration.retrain.driftInterval
      self.configuration = configuration
      planner = PublishPlanner.Settings(
        vectors: configuration.publish.vectors, rows: configuration.publish.rows, similar: configuration.publish.similar,
        pacing: PublishPacing.Settings(
          batchMax: configuration.foldIn.batchMax, linger: configuration.foldIn.linger, rateMax: configuration.publish.maxRate,
          refresh: configuration.publish.refresh))
    }
  }

  /// Everything outside that the loop acts on.
  public struct Ports {
    public var source: any RecordSource
    /// The topic of items, if there is one.
    public var items: (any RecordSource)?
    public var publisher: any RecommendationPublisher
    public var deadLetters: any DeadLetterSink
    public var storage: any SnapshotStorage
    /// Where models are kept for a rollback; `nil`: nowhere.
    public var epochs: (any EpochStorage)?
    /// Where applied interactions are kept for good; `nil`: nowhere. `storage` must wait for it; see `ArchivedSnapshots`.
    public var archive: (any InteractionArchive)?
    /// Trains in place of the engine; `nil`: the engine does.
    public var externalTrainer: (@Sendable (ExternalTraining) throws -> StoredModel)?
    /// Reads the vectors that another program has left in a directory; `nil` if none can be imported.
    public var vectors: (@Sendable (_ directory: String) throws -> StoredModel)?
    public var jobs: any JobRunner
    public var clock: any EngineClock
    public var residentBytes: @Sendable () -> Int
    /// Called with the record of every retrain when it ends, and for an accepted one when its pointer moves, too.
    public var retrainEnded: (RetrainRecord) -> Void

    public init(
      source: any RecordSource, items: (any RecordSource)? = nil, publisher: any RecommendationPublisher, deadLetters: any DeadLetterSink,
      storage: any SnapshotStorage, epochs: (any EpochStorage)? = nil, archive: (any InteractionArchive)? = nil,
      externalTrainer: (@Sendable (ExternalTraining) throws -> StoredModel)? = nil,
      vectors: (@Sendable (_ directory: String) throws -> StoredModel)? = nil, jobs: any JobRunner,
      clock: any EngineClock = SystemClock(), residentBytes: @escaping @Sendable () -> Int = { 0 },
      retrainEnded: @escaping (RetrainRecord) -> Void = { _ in }
    ) {
      self.source = source
      self.items = items
      self.publisher = publisher
      self.deadLetters = deadLetters
      self.storage = storage
      self.epochs = epochs
      self.archive = archive
      self.externalTrainer = externalTrainer
      self.vectors = vectors
      self.jobs = jobs
      self.clock = clock
      self.residentBytes = residentBytes
      self.retrainEnded = retrainEnded
    }
  }

  public internal(set) var settings: Settings
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
  var models = ModelDesk()
  var deadLetters: DeadLetterQueue
  var schemas = SchemaHold()
  var archived = ArchiveBuffers()
  var archiveStatus: ArchiveStatus?
  /// Partitions of which this process has read records, and which it has read to their end; kept with an archive only.
  var logsRead: Set<TopicPartition> = []
  var logsReadToEnd: Set<TopicPartition> = []
  /// A log is not the one that was archived: nothing of it may be archived or counted as read.
  var isLogForeign = false
  var replay = ReplayHold()
  var tally = RecordTally()
  var conditions = ConditionWatch()
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
  /// Whether the reason to end is that another engine does this one's work.
  var isDisplaced = false
  /// Where this process began to read.
  var startPositions: StartPositions
  /// Partitions were assigned once.
  var hasBegun = false
  /// Partitions were revoked: another engine may have published meanwhile.
  var hasLostPartitions = false
  let startedNanoseconds: UInt64
  var lastRecordMilliseconds: Int64?
  var partitionLag = PartitionLag()
  /// When the last record in the log had been read.
  var caughtUpMilliseconds: Int64
  var hasCaughtUp = false
  var watchedNanoseconds: UInt64 = 0
  var pausedPartitions: Set<TopicPartition> = []
  var isMemoryPaused = false
  /// The partitions of the topic are known and the users are distributed over as many.
  var hasDistributedUsers = false
  /// The topic of items was read to its end once, or there is none.
  var hasReadItems: Bool
  /// Why it cannot be read.
  var itemProblem: String?

  static let watchEvery = Duration.milliseconds(200)

  public init(
    engine: RecommenderEngine, settings: Settings, ports: Ports, jobs: JobBoard, firstSnapshotSequence: UInt64,
    unacknowledgedDeadLetters: [DeadLetter] = [], startsFrom origin: StartPositions.Origin = .beginning, log: Log = .disabled,
    metrics: EngineMetrics = EngineMetrics()
  ) {
    self.engine = engine
    startPositions = StartPositions(origin, offsets: engine.state.offsets)
    self.settings = settings
    self.ports = ports
    self.jobs = jobs
    self.log = log
    self.metrics = metrics
    planner = PublishPlanner(settings: settings.planner, startOffsets: engine.state.offsets)
    executor = PublishExecutor(
      scratch: EngineScratch(factors: engine.settings.parameters.factors, workers: settings.foldInWorkers),
      contents: .init(vectors: settings.planner.vectors, rows: settings.planner.rows, popularN: settings.popularN), clock: ports.clock,
      numbersKept: engine.state.catalogue.items.capacity)
    deadLetters = DeadLetterQueue(limits: settings.deadLetters)
    hasReadItems = ports.items == nil
    startedNanoseconds = ports.clock.monotonicNanoseconds
    caughtUpMilliseconds = ports.clock.wallMilliseconds
    snapshots = SnapshotCycle(nextSequence: firstSnapshotSequence, nowNanoseconds: startedNanoseconds)
    if let sequence = startPositions.durableSequence(next: firstSnapshotSequence) {
      snapshots.durable = DurableSnapshot(sequence: sequence, epoch: engine.lifecycle.highest, offsets: engine.state.offsets)
    }
    var first = EngineStatus()
    first.tickedNanoseconds = startedNanoseconds
    first.conditions = first.foundConditions(lagSecondsMax: settings.readyLagMax.milliseconds / 1e3)
    status.set(first)
    for letter in unacknowledgedDeadLetters { send(letter) }
    ports.source.start(at: engine.state.offsets, marks: engine.state.marks)
    ports.items?.start(at: PartitionOffsets())
    if ports.items == nil { self.engine.forgetItems() }
  }

  /// Nothing is polled, applied, waiting or in flight; for tests and for the end of a replay.
  public var isQuiet: Bool {
    planner.isIdle && engine.lifecycle.rollout == nil && engine.lifecycle.job == .none && inFlight.isEmpty && !snapshots.isBusy
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

  func send(_ letter: DeadLetter) {
    ports.deadLetters.send(letter)
    deadLetters.append(letter, sequence: ports.deadLetters.lastSequence)
  }
}
