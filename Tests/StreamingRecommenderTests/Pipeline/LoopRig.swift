import RecommenderTestKit
import Synchronization
import Telemetry
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// The loop with everything around it in memory: a log, a view, dead letters, snapshots, jobs that run when told, and a clock.
final class LoopRig {
  let configuration: RecommenderConfiguration
  let log: InMemoryLog
  let clock = ManualClock()
  let publisher: InMemoryPublisher
  let storage = InMemorySnapshotStorage()
  let epochs = InMemoryEpochStorage()
  var jobs = ManualJobRunner()
  var letters: InMemoryDeadLetterSink
  var board = JobBoard(label: "test")
  var source: InMemorySource
  var loop: IngestLoop
  var records: [RetrainRecord] = []
  /// What the loop wrote into its log.
  let lines = LogLines()
  private(set) var produced = 0
  private let viewAnswersLate: Bool
  static let topic = "events"
  static let itemTopic = "items"

  init(
    partitions: Int = 1, lettersAreAcknowledged: Bool = true, viewIsUp: Bool = true, viewIsSlow: Bool = false,
    viewAnswersLate: Bool = false, roomMax: Int = 512,
    _ change: (inout RecommenderConfiguration) -> Void = { _ in }
  ) {
    self.viewAnswersLate = viewAnswersLate
    configuration = plainConfiguration {
      $0.publish.refresh = .zero
      $0.snapshot.interval = .seconds(3600)
      change(&$0)
    }
    log = InMemoryLog(topics: [Self.topic: partitions, Self.itemTopic: 2])
    let clock = self.clock
    publisher = InMemoryPublisher(
      isUp: viewIsUp, acknowledgesAutomatically: !viewIsSlow, roomMax: roomMax, clock: { clock.monotonicNanoseconds })
    letters = InMemoryDeadLetterSink(isAutomatic: lettersAreAcknowledged)
    source = log.makeSource(topics: [Self.topic])
    let items = configuration.items.topic.isEmpty ? nil : log.makeSource(topics: [Self.itemTopic])
    let port: any RecommendationPublisher = viewAnswersLate ? LatePublisher(publisher) : publisher
    loop = Self.makeLoop(
      RecommenderEngine(configuration), 1, [], configuration, source, items, port, letters, storage, epochs, jobs, clock, board, lines)
  }

  private static func makeLoop(
    _ engine: RecommenderEngine, _ sequence: UInt64, _ unacknowledged: [DeadLetter], _ configuration: RecommenderConfiguration,
    _ source: InMemorySource, _ items: InMemorySource?,
    _ publisher: any RecommendationPublisher, _ letters: InMemoryDeadLetterSink, _ storage: InMemorySnapshotStorage,
    _ epochs: InMemoryEpochStorage, _ jobs: ManualJobRunner,
    _ clock: ManualClock, _ board: JobBoard, _ lines: LogLines, _ origin: StartPositions.Origin = .beginning
  ) -> IngestLoop {
    IngestLoop(
      engine: engine, settings: .init(configuration, trainingThreads: 1),
      ports: .init(
        source: source, items: items, publisher: publisher, deadLetters: letters, storage: storage, epochs: epochs, jobs: jobs,
        clock: clock), jobs: board,
      firstSnapshotSequence: sequence, unacknowledgedDeadLetters: unacknowledged, startsFrom: origin,
      log: Log(component: "engine", sink: lines))
  }

  var engine: RecommenderEngine { loop.engine }
  var view: InMemoryPublisher.View { publisher.view }

  func produce(_ events: [Interaction]) {
    for event in events {
      let value = InteractionEncoder.encode(
        user: event.user, item: event.item, operation: event.operation, value: Double(event.strength),
        timeMilliseconds: event.timeMilliseconds)
      log.append(Self.topic, key: event.user, value: value, timestampMilliseconds: clock.wallMilliseconds)
    }
  }

  func produce(_ user: String, _ item: String) {
    produced += 1
    produce([event(user, item, time: clock.wallMilliseconds + Int64(produced))])
  }

  /// Writes the document of an item, or its deletion.
  func produceItem(_ item: String, _ document: String?) {
    log.append(
      Self.itemTopic, key: Array(item.utf8), value: document.map { Array($0.utf8) }, timestampMilliseconds: clock.wallMilliseconds)
  }

  func forget(_ user: String) { log.append(Self.topic, key: Array(user.utf8), value: nil, timestampMilliseconds: clock.wallMilliseconds) }
  func produceGarbage(_ user: String, partition: Int32? = nil) {
    log.append(
      Self.topic, key: Array(user.utf8), value: Array("{".utf8), timestampMilliseconds: clock.wallMilliseconds, partition: partition)
  }

  /// One turn, some time later; jobs do not run.
  func turn(_ count: Int = 1) {
    for _ in 0..<count {
      clock.advance(by: .milliseconds(250))
      loop.turn(maxWait: .zero)
    }
  }

  /// Turns with jobs, dead letters and lists acknowledged, whether or not something is left to do.
  func run(_ turns: Int) {
    for _ in 0..<turns {
      jobs.runAll()
      letters.acknowledge()
      publisher.acknowledge()
      turn()
    }
  }

  /// Turns until nothing is left to do; jobs run, letters and lists are acknowledged.
  func settle() {
    for _ in 0..<400 {
      jobs.runAll()
      letters.acknowledge()
      publisher.acknowledge()
      turn()
      if loop.isQuiet, jobs.count == 0, source.status.lagRecords.values.allSatisfy({ $0 == 0 }) {
        // Progress goes out a moment after the lists.
        turn(2)
        publisher.acknowledge()
        turn()
        return
      }
    }
    Issue.record("nothing settles: \(loop.engine.lifecycle), \(loop.snapshots), \(jobs.count) jobs, lag \(source.status.lagRecords)")
  }

  /// The board is read in, trained on, and in the view as epoch 1.
  func start(_ events: [Interaction] = checkerboard()) {
    produce(events)
    settle()
    retrain()
  }

  func retrain() { request(.retrain) }

  /// Asks for a model and goes on until it is served. Returns the ended job.
  @discardableResult
  func request(_ request: JobBoard.ModelRequest) -> JobBoard.Job? {
    let job = board.begin(.retrain, request, nowNanoseconds: clock.monotonicNanoseconds)
    turn()
    settle()
    return board.job(job.id)
  }

  /// Asks for a retrain and goes on until `isReached`, one turn, one job and `acknowledged` commands at a time.
  func retrain(acknowledging: Int = .max, until isReached: (LoopRig) -> Bool) -> Bool {
    _ = board.begin(.retrain, nowNanoseconds: clock.monotonicNanoseconds)
    for _ in 0..<400 {
      if isReached(self) { return true }
      jobs.runOne()
      turn()
      if isReached(self) { return true }
      publisher.acknowledge(acknowledging)
    }
    return false
  }

  func snapshot() {
    loop.mailbox.post(.snapshot(job: nil))
    turn()
    settle()
  }

  /// kill -9 and a start from the newest snapshot; what was not acknowledged is gone.
  ///
  /// - Parameter start: read again from there into a new state, as `serve --from` does; `nil`: go on.
  func restart(_ newConfiguration: RecommenderConfiguration? = nil, startingOverAt start: PartitionOffsets? = nil) throws {
    jobs = ManualJobRunner()
    board = JobBoard(label: "next")
    letters = InMemoryDeadLetterSink(isAutomatic: letters.isAutomatic)
    publisher.publisherDied()
    source = log.makeSource(topics: [Self.topic])
    let configuration = newConfiguration ?? self.configuration
    var recovered = try RecoveredEngine(from: storage, configuration: configuration)
    let origin: StartPositions.Origin
    if let start {
      recovered.startOver(at: start, configuration: configuration)
      _ = try storage.write(recovered.engine.snapshot(sequence: recovered.nextSequence))
      recovered.nextSequence += 1
      origin = .earliest
    } else {
      origin = recovered.snapshotSequence.map { .snapshot($0) } ?? .beginning
    }
    let items = configuration.items.topic.isEmpty ? nil : log.makeSource(topics: [Self.itemTopic])
    let port: any RecommendationPublisher = viewAnswersLate ? LatePublisher(publisher) : publisher
    loop = Self.makeLoop(
      recovered.engine, recovered.nextSequence, recovered.deadLetters, configuration, source, items, port, letters, storage, epochs, jobs,
      clock,
      board,
      lines, origin)
  }

  /// What a reader would miss, now that everything has settled; `nil` when nothing.
  func missing() -> String? {
    guard let model = engine.model else { return "no model" }
    if view.model?.epoch != model.epoch { return "the pointer is \(view.model?.epoch ?? 0), not \(model.epoch)" }
    for user in engine.state.users.references where engine.state.users.isPresent(user) {
      let name = Identifier(engine.state.users.name(user))
      guard let list = view.lists[name] else { return "\(name) has no list" }
      if list.epoch != model.epoch { return "\(name)'s list is of epoch \(list.epoch)" }
      if view.userFactors[name]?.factors != engine.state.users.vector(user) { return "\(name)'s vector differs" }
    }
    for item in 0..<Int32(engine.state.catalogue.items.capacity) where model.hasVector(item) {
      let name = Identifier(engine.state.catalogue.items.name(item))
      if view.itemFactors[.init(epoch: model.epoch, item: name)] != model.itemFactors.array(Int(item)) { return "\(name)'s vector differs" }
      if model.isTrained(item), view.similar[name] == nil { return "\(name) has no similar items" }
    }
    for name in view.lists.keys where engine.user(name.string) == nil { return "\(name) is unknown and has a list" }
    for (partition, next) in engine.state.offsets.next where next > 0 {
      if view.progress[partition]?.offset != next - 1 {
        return "\(partition) stands at \(next - 1), readers are told \(String(describing: view.progress[partition]?.offset))"
      }
    }
    return view.popular == nil ? "no popular list" : nil
  }
}

/// Every line as `warning message key=value ...`.
final class LogLines: LogSink {
  private let lines = Mutex<[String]>([])

  func write(_ level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)], repetition: LogRepetition) {
    let line = ([level.name, message] + fields.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
    lines.withLock { $0.append(line) }
  }

  func all(containing text: String) -> [String] { lines.withLock { $0.filter { $0.contains(text) } } }
}

/// A view over a network: what it holds is known some calls after it was asked, while commands are taken at once.
final class LatePublisher: RecommendationPublisher {
  private let inner: InMemoryPublisher
  private var late: [[PublisherEvent]] = [[], [], []]

  init(_ inner: InMemoryPublisher) { self.inner = inner }

  func events() -> [PublisherEvent] {
    late.append(inner.events())
    return late.removeFirst()
  }

  func follow(_ partitions: [TopicPartition]) { inner.follow(partitions) }
  var room: Int { inner.room }
  func submit(_ commands: [PublishCommand], ticket: UInt64) { inner.submit(commands, ticket: ticket) }
  func acknowledged() -> [PublishAcknowledgement] { inner.acknowledged() }
  var status: PublisherStatus { inner.status }
  func flush(timeout: Duration) -> Bool { inner.flush(timeout: timeout) }
  func close() { inner.close() }
}
