import Foundation
import Gateway
import InteractionArchives
import KafkaIngest
import ObjectStorage
import Pipeline
import RedisPublishing
import RunRecords
import SnapshotReplication
import StreamingRecommender
import Synchronization
import Telemetry

/// Runs the loop with Kafka and Redis on a thread of its own; this is the composition root.
///
/// Sendable because the loop belongs to that thread from `start` to the end of `stop`; everything else here is Sendable itself.
final class EngineProcess: @unchecked Sendable {
  let configuration: RecommenderConfiguration
  /// What the configuration says, whatever was chosen since.
  private let configuredShadow: RecommenderConfiguration.Shadow
  let status: StatusBoard
  let mailbox: ControlMailbox
  let jobs: JobBoard
  let metrics: EngineMetrics
  let records: RetrainRecords
  let recovered: Recovery
  let directory: SnapshotDirectory
  /// Copies of the snapshots; `nil` without a store.
  private let copies: ReplicatedSnapshots?
  private let archive: ParquetArchive?
  private let externalTrainer: ExternalTrainer?
  let console: ConsoleMonitor
  private let models: KeptModels?
  private let runs: EngineRuns?
  private let loop: IngestLoop
  private let wake: @Sendable () -> Void
  private let isStopping = Atomic<Bool>(false)
  private let ended = DispatchSemaphore(value: 0)
  private let problems = Mutex<[String]>([])
  private let startedNanoseconds = MonotonicClock.nanoseconds()
  private static let idleWait = Duration.milliseconds(20)

  struct Recovery: Sendable {
    var snapshotSequence: UInt64?
    var refused: [SnapshotError]
    var droppedModelFactors: Int?
    /// Where the snapshots are that a new state has replaced.
    var setAside: String?

    /// For the activity of the console.
    var sentence: String {
      if setAside != nil { return "The engine started with a new state" }
      return snapshotSequence.map { "The engine started from snapshot \($0)" } ?? "The engine started without a snapshot"
    }
  }

  struct Options {
    var membership = KafkaRecordSource.Membership.group
    /// Whether to discard stored offsets, because the log does not outlive the process.
    var resetsOffsets = false
    /// Whether to publish although another engine that is alive publishes to the same namespace.
    var takesOver = false
    var from = ReadingStart.snapshot
    /// Whether to move snapshots away that stand in the way of another start.
    var setsAside = false
    var onAcknowledged: (@Sendable (AcknowledgedUser) -> Void)?
  }

  init(_ given: RecommenderConfiguration, options: Options, log: Telemetry.Log) throws {
    let configuration = try ChosenShadow(given).applied()
    self.configuration = configuration
    configuredShadow = given.shadow
    let directory = SnapshotDirectory(
      path: configuration.snapshot.directory, keep: configuration.snapshot.keep, synchronizes: configuration.snapshot.fsync)
    try directory.prepare()
    copies = try Self.copies(of: directory, configuration, log: log)
    archive = try Self.archive(configuration, log: log)
    if archive != nil, options.resetsOffsets {
      throw CommandFailure(
        "archive.store counts by the offsets of a log, and that of --embedded ends with the process: name a broker with --bootstrap-servers",
        status: .configuration)
    }
    let archived = try Self.positions(of: archive, configuration)
    if options.from.origin != nil, !archived.isEmpty {
      throw CommandFailure(
        "archive.store = \(Redaction.text(configuration.archive.store)) has rows of this log, which reading it again would leave out: "
          + "name an empty one with --from", status: .configuration)
    }
    var storage: any SnapshotStorage = copies ?? directory
    if let archive { storage = ArchivedSnapshots(storage, archive: archive) }
    var start = try RecoveredEngine(from: storage, configuration: configuration)
    if let refusal = options.from.refusal(start, directory, setsAside: options.setsAside) { throw refusal }
    let offsets = try options.from.offsets(configuration)
    if options.resetsOffsets { start.engine.resetOffsets() }
    let source = try KafkaRecordSource(
      configuration: configuration, membership: options.membership, log: log.scoped("kafka"))
    let items = try Self.itemSource(configuration, log: log.scoped("items"))
    let wake = source.waker
    self.wake = wake
    let publisher = try RedisRecommendationPublisher(
      redis: configuration.redis, publish: configuration.publish, instance: configuration.instance.id,
      writer: .current(instance: configuration.instance.id), takesOver: options.takesOver, log: log.scoped("redis"),
      onAcknowledged: options.onAcknowledged, onProgress: wake)
    // Before the group is joined: the other engine would have to give up partitions. If Redis cannot be reached, the loop ends later.
    if let conflict = publisher.conflict(timeout: .seconds(5)) {
      log.warning("\(conflict)")
      throw CommandFailure("this engine did not join the consumer group: \(conflict)", status: .displaced)
    }
    // Nothing is moved before it is certain that this engine may run.
    let origin: StartPositions.Origin
    var setAside: String?
    if let asked = options.from.origin {
      setAside = try Self.startOver(&start, at: offsets, directory, configuration)
      origin = asked
    } else {
      origin = start.snapshotSequence.flatMap { options.resetsOffsets ? nil : .snapshot($0) } ?? .beginning
    }
    recovered = Recovery(
      snapshotSequence: start.snapshotSequence, refused: start.refused, droppedModelFactors: start.droppedModelFactors, setAside: setAside)
    self.directory = directory
    if let payloads = try Payloads.decoder(configuration, log: log.scoped("schemas"), onChange: wake) { start.engine.open(payloads) }
    if archive != nil { start.engine.archive(behind: archived) }
    let letters = try KafkaDeadLetterSink(configuration: configuration, version: Version.freshet, log: log.scoped("dead-letters"))
    records = RetrainRecords(directory: configuration.instance.dataDirectory + "/runs")
    metrics = EngineMetrics()
    metrics.showFromStart(topics: configuration.input.topics)
    for kind in RedisError.Kind.allCases { _ = metrics.publishErrors.with(kind.rawValue) }
    ProcessMetrics.install(in: metrics.registry)
    metrics.setBuildInfo(version: Version.freshet, swift: Version.swift, librdkafka: "\(LibraryVersion.linked)", hiredis: "0.14")
    jobs = JobBoard(label: "\(WallClock.milliseconds())")
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let records = self.records
    let models = try KeptModels(configuration, log: log.scoped("store"))
    self.models = models
    let runs = try EngineRuns(configuration, models: models, log: log.scoped("runs"))
    self.runs = runs
    do throws(CommandFailure) {
      if let key = try GatewayProcess.key(configuration.gateway.keyFile, "gateway.key_file") {
        let signer = RecommendationSigner(key: key)
        start.engine.attribute { signer.code($0) }
      }
    } catch {
      log.warning("recommendation ids cannot be checked, so that clicks are not attributed: \(error)")
      start.engine.attribute { _ in [UInt8](repeating: 0, count: 8) }
    }
    externalTrainer = ExternalTrainer(configuration)
    loop = IngestLoop(
      engine: start.engine, settings: IngestLoop.Settings(configuration, trainingThreads: max(1, cores - 1)),
      ports: IngestLoop.Ports(
        source: source, items: items, publisher: publisher, deadLetters: letters, storage: storage, epochs: models?.storage,
        archive: archive, externalTrainer: externalTrainer?.train, vectors: VectorFiles.read,
        jobs: ThreadJobRunner(nice: configuration.retrain.nice),
        residentBytes: { ProcessMetrics.residentMemoryBytes() ?? 0 },
        retrainEnded: {
          records.add($0)
          runs?.add($0)
        }),
      jobs: jobs, firstSnapshotSequence: start.nextSequence, unacknowledgedDeadLetters: start.deadLetters, startsFrom: origin,
      log: log.scoped("engine"), metrics: metrics)
    status = loop.status
    mailbox = loop.mailbox
    console = ConsoleMonitor(
      ConsoleSource(
        configuration: configuration, status: loop.status, metrics: metrics, records: records, jobs: jobs,
        startedNanoseconds: startedNanoseconds, startSentence: recovered.sentence))
  }

  /// Moves the snapshots aside and begins a new state, whose first snapshot holds the offsets at which it begins and the epochs that are
  /// used up: a start after a crash then goes on with it.
  private static func startOver(
    _ start: inout RecoveredEngine, at offsets: PartitionOffsets, _ directory: SnapshotDirectory, _ configuration: RecommenderConfiguration
  ) throws -> String? {
    start.startOver(at: offsets, configuration: configuration)
    let second = Timestamp.rfc3339(milliseconds: WallClock.milliseconds()).prefix(19).filter { $0 != "-" && $0 != ":" }
    let aside = try directory.setAside(as: second + "Z")
    _ = try directory.write(start.engine.snapshot(sequence: start.nextSequence, deadLetters: start.deadLetters))
    start.nextSequence += 1
    return aside
  }

  /// Copies in an object store, if the configuration names one.
  private static func copies(
    of directory: SnapshotDirectory, _ configuration: RecommenderConfiguration, log: Telemetry.Log
  ) throws -> ReplicatedSnapshots? {
    guard !configuration.snapshot.store.isEmpty else { return nil }
    let store = try ObjectStores.open("snapshot.store", configuration.snapshot.store, configuration)
    return ReplicatedSnapshots(directory, store: store, log: log.scoped("store"))
  }

  /// The archive, if the configuration names one. What a process before has left beside it is removed.
  private static func archive(_ configuration: RecommenderConfiguration, log: Telemetry.Log) throws -> ParquetArchive? {
    guard !configuration.archive.store.isEmpty else { return nil }
    let store = try ObjectStores.open("archive.store", configuration.archive.store, configuration)
    do {
      return try ParquetArchive(
        store, directory: configuration.instance.dataDirectory + "/archive", limits: .init(spoolBytes: configuration.archive.spoolMax),
        createdBy: "freshet version \(Version.freshet)", log: log.scoped("archive"))
    } catch { throw CommandFailure("cannot make \(configuration.instance.dataDirectory)/archive: \(error)", status: .configuration) }
  }

  /// Where the archive ends; without knowing that, rows would be written twice.
  private static func positions(
    of archive: ParquetArchive?, _ configuration: RecommenderConfiguration
  ) throws -> [TopicPartition: ArchivedPosition] {
    do { return try archive?.positions() ?? [:] } catch {
      throw CommandFailure(
        "archive.store = \(Redaction.text(configuration.archive.store)) cannot be listed, so it is not known where it ends: \(error)")
    }
  }

  /// The topic of items, read by itself and outside the consumer group, from its beginning.
  private static func itemSource(_ configuration: RecommenderConfiguration, log: Telemetry.Log) throws -> KafkaRecordSource? {
    guard !configuration.items.topic.isEmpty else { return nil }
    var configuration = configuration
    configuration.input.topics = [configuration.items.topic]
    // Compaction removes records all the time.
    configuration.kafka.onGap = .earliest
    return try KafkaRecordSource(configuration: configuration, membership: .direct, log: log)
  }

  func start() {
    console.start()
    let thread = Thread { [self] in
      while !isStopping.load(ordering: .relaxed) { loop.turn(maxWait: Self.idleWait) }
      let left = loop.shutDown(timeout: configuration.shutdown.timeout)
      problems.withLock { $0 = left }
      ended.signal()
    }
    thread.name = "freshet-loop"
    thread.qualityOfService = .userInteractive
    thread.start()
  }

  /// Shuts down in order. Returns descriptions of what could not be completed; a restart replays it.
  func stop() -> [String] {
    isStopping.store(true, ordering: .relaxed)
    wake()
    ended.wait()
    archive?.close()
    externalTrainer?.end()
    console.stop()
    if let left = runs?.end() { problems.withLock { $0.append(left) } }
    if let copies, !copies.waitForCopies(.seconds(10)) {
      problems.withLock { $0.append("the last snapshot was not copied to snapshot.store in time") }
    }
    if let models, !models.wait(.seconds(5)) {
      problems.withLock { $0.append("kept models were not copied to retrain.epoch_store in time") }
    }
    return problems.withLock { $0 }
  }

  var uptimeSeconds: Int { Int((MonotonicClock.nanoseconds() - startedNanoseconds) / 1_000_000_000) }

  /// Polls the status until `condition` holds; returns false on timeout.
  func wait(atMost timeout: Duration, until condition: (EngineStatus) -> Bool) -> Bool {
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while !condition(status.current) {
      if MonotonicClock.nanoseconds() > deadline { return false }
      usleep(5_000)
    }
    return true
  }

  /// Returns an immutable copy of the state, or `nil` if the loop does not answer in time.
  func frozen(atMost timeout: Duration = .seconds(3)) -> EngineState? {
    let handle = JobHandle<EngineState>()
    mailbox.post(.freeze(handle))
    wake()
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    while true {
      if let state = handle.result { return state }
      if MonotonicClock.nanoseconds() > deadline { return nil }
      usleep(2_000)
    }
  }

  /// Asks the loop what it holds of these users.
  func report(on users: [Identifier]) -> JobHandle<[UserReport]> {
    let handle = JobHandle<[UserReport]>()
    mailbox.post(.report(users, handle))
    wake()
    return handle
  }

  /// Asks the loop why an item has its score for a user.
  func explain(_ item: Identifier, for user: Identifier) -> JobHandle<ExplanationReport> {
    let handle = JobHandle<ExplanationReport>()
    mailbox.post(.explain(user: user, item: item, handle))
    wake()
    return handle
  }

  /// Asks the loop for the users who are most similar to one.
  func similarUsers(to user: Identifier, _ n: Int) -> JobHandle<SimilarUsersReport> {
    let handle = JobHandle<SimilarUsersReport>()
    post(.similarUsers(user, n, handle))
    return handle
  }

  /// Asks the loop what it holds of this item.
  func report(onItem item: Identifier) -> JobHandle<ItemReport> {
    let handle = JobHandle<ItemReport>()
    mailbox.post(.reportItem(item, handle))
    wake()
    return handle
  }

  func requestRetrain() -> (id: String, isNew: Bool) { requestModel(.retrain) }

  func requestModel(_ request: JobBoard.ModelRequest) -> (id: String, isNew: Bool) {
    defer { wake() }
    return jobs.begin(.retrain, request, nowNanoseconds: MonotonicClock.nanoseconds())
  }

  /// The epochs to which the model can be rolled back, ascending.
  var keptEpochs: [UInt32] { models?.directory.epochs() ?? [] }
  /// Those that newer ones do not replace.
  var markedEpochs: [UInt32] { models?.directory.markedEpochs() ?? [] }

  /// Returns `nil` for an epoch that is kept.
  func whyNotKept(_ epoch: UInt32) -> String? {
    let kept = keptEpochs
    guard !kept.contains(epoch) else { return nil }
    return "epoch \(epoch) is not kept; \(kept.isEmpty ? "none is" : "kept are \(kept.map(String.init).joined(separator: ", "))")"
  }

  /// Returns why that is not possible, or `nil`.
  func removeModel(_ epoch: UInt32) -> String? {
    let current = status.current
    if epoch == current.epoch || epoch == current.visibleEpoch { return "epoch \(epoch) is in use; roll back to another one before" }
    return whyNotKept(epoch) ?? models?.change { try $0.remove(epoch) }
  }

  /// Compares another model from now on, also after a restart; `nil` returns to what the configuration says.
  ///
  /// - Returns: why that is not possible, or `nil`.
  func setShadow(_ shadow: RecommenderConfiguration.Shadow?) -> String? {
    if let shadow {
      if shadow.settings.isEmpty { return "a shadow needs a setting in which it differs" }
      if let fault = ShadowSettings.fault(of: shadow.settings, over: configuration) { return fault }
    }
    do { try ChosenShadow(configuration).store(shadow) } catch { return "the choice cannot be kept: \(error.localizedDescription)" }
    post(.setShadow(shadow ?? configuredShadow))
    return nil
  }

  func markModel(_ epoch: UInt32, isKept: Bool) -> String? {
    whyNotKept(epoch) ?? models?.change { try $0.mark(epoch, isKept) }
  }

  func post(_ request: ControlRequest) {
    mailbox.post(request)
    wake()
  }

  func requestSnapshot() -> (id: String, isNew: Bool) {
    let job = jobs.begin(.snapshot, nowNanoseconds: MonotonicClock.nanoseconds())
    if job.isNew { mailbox.post(.snapshot(job: job.id)) }
    wake()
    return job
  }
}
