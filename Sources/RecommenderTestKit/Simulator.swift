import Pipeline
import StreamingRecommender
import Synchronization
import Telemetry

/// A deterministic simulation: it runs the production loop with an in-memory log, view, storage and clock, and derives all interleavings
/// and crashes from one seed. The same seed replays the same run.
///
/// At the end of a run all faults are healed. Then the state must equal one rebuilt from the log and every list must be published. During
/// the run, no list may be replaced by an older one, no offset may be committed beyond a durable snapshot, and no epoch may denote two
/// models. The archive must hold every applied event once, whatever the state is rebuilt from.
public final class Simulator {
  public let seed: UInt64
  public private(set) var violations: [String] = []
  public private(set) var counts: [String: Int] = [:]
  private var random: SeededGenerator
  private let configuration: RecommenderConfiguration
  private let log = InMemoryLog()
  private let partitions: Int
  private let publisher: InMemoryPublisher
  private let storage = InMemorySnapshotStorage()
  private let archive: InMemoryArchive?
  private let clock = ManualClock()
  private var letters = InMemoryDeadLetterSink(isAutomatic: false)
  private var allLetters: [DeadLetter] = []
  private var jobs = ManualJobRunner()
  private var board = JobBoard(label: "simulation")
  private var loop: IngestLoop
  private var source: InMemorySource
  private var naive: NaiveState
  private var lives = 0
  private var epochVectors: [UInt32: [Identifier: [Float]]] = [:]
  /// The view was emptied: until item vectors are published again, it may contain lists that refer to missing ones.
  private var isViewPartial = false
  private static let topic = "events"

  public init(seed: UInt64) throws {
    self.seed = seed
    var random = SeededGenerator(seed: seed)
    var configuration = RecommenderConfiguration()
    configuration.model.factors = 4 + Int(random.below(3)) * 4
    configuration.model.coldIterations = 2
    configuration.model.warmIterations = 1
    configuration.model.historyPerUser = random.chance(0.5) ? 5 : 2000
    configuration.model.trend = random.chance(0.5) ? nil : .init()
    configuration.model.transitions = random.chance(0.5) ? nil : .init()
    configuration.foldIn.items = random.chance(0.5) ? .none : .new
    configuration.retrain.everyEvents = 60 + Int(random.below(100))
    configuration.snapshot.interval = .milliseconds(Int(random.below(2000)) + 50)
    configuration.topN.n = 5
    configuration.topN.similarN = 3
    configuration.publish.refresh = .zero
    configuration.input.dedupeWindow = [0, 3, 10_000][Int(random.below(3))]
    self.configuration = configuration
    partitions = 1 + Int(random.below(4))
    log.createTopic(Self.topic, partitions: partitions)
    naive = NaiveState(historyPerUser: configuration.model.historyPerUser, dedupeWindow: configuration.input.dedupeWindow)
    let clock = self.clock
    publisher = InMemoryPublisher(
      acknowledgesAutomatically: false, roomMax: 8 + Int(random.below(200)), clock: { clock.monotonicNanoseconds })
    source = log.makeSource()
    archive = random.chance(0.5) ? InMemoryArchive(rowsMax: 100) : nil
    loop = try Self.makeLoop(configuration, source, publisher, letters, storage, archive, jobs, clock, board)
    self.random = random
  }

  private static func makeLoop(
    _ configuration: RecommenderConfiguration, _ source: InMemorySource, _ publisher: InMemoryPublisher, _ letters: InMemoryDeadLetterSink,
    _ storage: InMemorySnapshotStorage, _ archive: InMemoryArchive?, _ jobs: ManualJobRunner, _ clock: ManualClock, _ board: JobBoard
  ) throws -> IngestLoop {
    var storage: any SnapshotStorage = storage
    if let archive { storage = ArchivedSnapshots(storage, archive: archive) }
    var recovered = try RecoveredEngine(from: storage, configuration: configuration)
    if let archive { recovered.engine.archive(behind: try archive.positions()) }
    var settings = IngestLoop.Settings(configuration, trainingThreads: 1)
    settings.pollMax = 40
    return IngestLoop(
      engine: recovered.engine, settings: settings,
      ports: .init(
        source: source, publisher: publisher, deadLetters: letters, storage: storage, archive: archive, jobs: jobs, clock: clock),
      jobs: board, firstSnapshotSequence: recovered.nextSequence, unacknowledgedDeadLetters: recovered.deadLetters)
  }

  /// Runs `steps` random steps, heals all faults, and returns the violations.
  public func run(steps: Int) -> [String] {
    for _ in 0..<steps where violations.isEmpty {
      step()
      checkAlways()
    }
    if violations.isEmpty { heal() }
    return violations
  }

  private func step() {
    clock.advance(by: .milliseconds(Int(random.below(80))))
    switch random.below(100) {
    case 0..<30: for _ in 0...random.below(12) { produce() }
    case 30..<62: note("turn") { loop.turn(maxWait: .zero) }
    case 62..<72: note("acknowledge") { publisher.acknowledge(Int(random.below(60))) }
    case 72..<75: note("unacknowledged") { publisher.applyWithoutAcknowledging(Int(random.below(20))) }
    case 75..<82: note("job") { jobs.runOne() }
    case 82..<85:
      note("letters") { letters.acknowledge() }
      archive?.storeOne()
    case 85: note("view down") { publisher.goDown() }
    case 86:
      note("view loses its newest writes") {
        publisher.loseNewest(Int(random.below(80)))
        // A replay may write a list before the vectors that it refers to, which were lost with it.
        isViewPartial = true
      }
    case 87..<91: note("view up") { publisher.comeUp() }
    case 91:
      note("view wiped") {
        publisher.wipe()
        isViewPartial = true
      }
    case 92..<94: note("retrain") { _ = board.begin(.retrain, nowNanoseconds: clock.monotonicNanoseconds) }
    case 94: note("snapshot") { loop.mailbox.post(.snapshot(job: nil)) }
    case 95: note("disk full") { storage.failNext(1) }
    case 96:
      note("broker away") { source.isUp.toggle() }
      if let archive { note("archive away") { archive.isAway = random.chance(0.5) } }
    case 97: note("rebalance") { rebalance() }
    default: note("crash") { crash() }
    }
  }

  private func note(_ what: String, _ body: () -> Void) {
    counts[what, default: 0] += 1
    body()
  }

  private func rebalance() {
    let all = source.status.all.sorted()
    source.rebalance(to: random.chance(0.5) ? all : Array(all.prefix(Int(random.below(UInt64(all.count) + 1)))))
  }

  // MARK: Events

  private func produce() {
    let user = random.chance(0.2) ? "visitor\(random.below(10))" : "u\(random.below(25))"
    let key = Array(user.utf8)
    if random.chance(0.02) {
      merge(user)
      return
    }
    if random.chance(0.04) {
      let (partition, offset) = log.append(
        Self.topic, key: key, value: Array("{\"user_id\":".utf8), timestampMilliseconds: clock.wallMilliseconds)
      naive.reject("\(partition) \(offset)")
    } else if random.chance(0.01) {
      log.append(Self.topic, key: key, value: nil, timestampMilliseconds: clock.wallMilliseconds)
      naive.forget(user: user)
    } else {
      let item = "i\(random.below(60))"
      let late = random.chance(0.2) ? Int64(random.below(20_000)) : 0
      let time = clock.wallMilliseconds - late
      let operation: Interaction.Operation =
        random.chance(0.6) ? .add : random.chance(0.3) ? .once : random.chance(0.6) ? .set : .delete
      let strength = Double(random.below(5)) - (random.chance(0.1) ? 6 : 0)
      let value = InteractionEncoder.encode(
        user: key, item: Array(item.utf8), operation: operation, value: strength, timeMilliseconds: time)
      // A producer that gets no answer sends a record again.
      let copies = random.chance(0.05) ? 2 : 1
      if copies > 1 { counts["sent again", default: 0] += 1 }
      for _ in 0..<copies {
        let (partition, _) = log.append(Self.topic, key: key, value: value, timestampMilliseconds: clock.wallMilliseconds)
        naive.apply(user: user, item: item, operation: operation, strength: Float(strength), time: time, partition: "\(partition)")
      }
    }
  }

  /// Merges the user into one whose records come by the same partition, so that the log has one order of the events of both.
  private func merge(_ user: String) {
    func partition(_ user: String) -> Int32 { KafkaPartitioner.partition(ofKey: Array(user.utf8), partitions: partitions) }
    let other = "u\(random.below(25))"
    guard partition(user) == partition(other) else { return }
    counts["merge", default: 0] += 1
    let value = #"{"op":"merge","user_id":"\#(user)","into":"\#(other)"}"#
    log.append(Self.topic, key: Array(user.utf8), value: Array(value.utf8), timestampMilliseconds: clock.wallMilliseconds)
    naive.merge(user: user, into: other)
  }

  // MARK: Faults

  /// Simulates kill -9 between two steps: the loop, its jobs, and unsent commands and dead letters are lost.
  private func crash() {
    lives += 1
    if jobs.count > 0, random.chance(0.3) {
      let sequence = storage.lastSequence() + 1
      if (try? storage.tear(sequence: sequence, loop.engine.snapshot(sequence: sequence), keepingBytes: Double(random.below(100)) / 100))
        == nil
      {
        violations.append("a snapshot could not be encoded")
      }
    }
    allLetters += letters.letters.prefix(Int(letters.acknowledgedThrough))
    letters = InMemoryDeadLetterSink(isAutomatic: false)
    jobs = ManualJobRunner()
    board = JobBoard(label: "simulation\(lives)")
    publisher.publisherDied()
    archive?.processDied()
    source = log.makeSource()
    do {
      loop = try Self.makeLoop(configuration, source, publisher, letters, storage, archive, jobs, clock, board)
    } catch { violations.append("restart failed: \(error)") }
  }

  // MARK: Invariants

  private func checkAlways() {
    if let user = publisher.backwardSteps.first {
      let versions = (publisher.history[user] ?? []).suffix(4).map { "(\($0.epoch), \($0.offset))" }
      violations.append("the list of \(user) went back in time: \(versions) in life \(lives), step counts \(counts)")
    }
    for (partition, committed) in log.committed.next where committed > storage.durableOffsets[partition] ?? 0 {
      violations.append("\(partition): offset \(committed) is committed, \(storage.durableOffsets[partition] ?? 0) is durable")
    }
    if random.chance(0.1) { checkView() }
    if random.chance(0.02), let violation = loop.engine.state.violatedInvariant() { violations.append(violation) }
  }

  private func checkView() {
    let view = publisher.view
    guard let epoch = view.model?.epoch else { return }
    var vectors: [Identifier: [Float]] = [:]
    for (version, vector) in view.itemFactors where version.epoch == epoch { vectors[version.item] = vector }
    if let known = epochVectors[epoch] {
      for (item, vector) in known where vectors[item] != nil && vectors[item] != vector {
        violations.append("epoch \(epoch) has two vectors for the trained item \(item)")
      }
    } else {
      epochVectors[epoch] = trainedOnly(vectors, epoch)
    }
    for (user, list) in view.lists where !isViewPartial && view.userFactors[user]?.epoch == list.epoch {
      let own = list.items.prefix(list.filledFrom ?? .max)
      for item in own where view.itemFactors[.init(epoch: list.epoch, item: item.item)] == nil && !isRetired(list.epoch, epoch) {
        violations.append("\(user)'s list of epoch \(list.epoch) names \(item.item), which has no vector in it (model \(epoch))")
      }
    }
  }

  private func isRetired(_ epoch: UInt32, _ current: UInt32) -> Bool { epoch + 1 < current }

  private func trainedOnly(_ vectors: [Identifier: [Float]], _ epoch: UInt32) -> [Identifier: [Float]] {
    guard let model = loop.engine.model, model.epoch == epoch else { return [:] }
    return vectors.filter { name, _ in loop.engine.state.catalogue.items.find(name.bytes).map(model.isTrained) ?? false }
  }

  private func heal() {
    source.isUp = true
    source.rebalance(to: source.status.all.sorted())
    storage.failNext(0)
    archive?.isAway = false
    publisher.comeUp()
    publisher.acknowledgesAutomatically = true
    for round in 0..<3000 {
      clock.advance(by: .milliseconds(120))
      publisher.acknowledge()
      letters.acknowledge()
      jobs.runAll()
      let polled = loop.turn(maxWait: .zero)
      if round > 20, polled == 0, loop.isQuiet, source.status.lagRecords.values.allSatisfy({ $0 == 0 }) { break }
      if round == 2999 {
        violations.append(
          "it does not come to rest: rollout \(loop.status.current.rollout ?? "none"), retrain \(loop.status.current.retrainPhase ?? "none"), \(jobs.count) jobs, snapshots \(loop.snapshots)"
        )
      }
    }
    isViewPartial = false
    checkView()
    checkEnd()
    checkArchive()
  }

  /// Rebuilds the state from the archive alone.
  private func checkArchive() {
    guard let archive else { return }
    counts["ended with an archive", default: 0] += 1
    loop.mailbox.post(.snapshot(job: nil))
    for _ in 0..<5 {
      clock.advance(by: .seconds(6))
      loop.turn(maxWait: .zero)
      jobs.runAll()
    }
    var rebuilt = NaiveState(historyPerUser: configuration.model.historyPerUser)
    var next: [TopicPartition: Int64] = [:]
    for segment in archive.stored {
      for row in segment.rows {
        if row.offset < next[segment.source] ?? 0 { violations.append("\(segment.source) offset \(row.offset) is archived twice") }
        next[segment.source] = row.offset + 1
        rebuilt.apply(row, partition: "\(segment.source)")
      }
    }
    if let difference = rebuilt.difference(from: loop.engine.state) { violations.append("the archive's state: \(difference)") }
    if archive.status.waitingRows > 0 || loop.status.current.archive?.problem != nil {
      violations.append("the archive does not come to rest")
    }
  }

  private func checkEnd() {
    let engine = loop.engine
    if let difference = naive.difference(from: engine.state) { violations.append(difference) }
    if let violation = engine.state.violatedInvariant() { violations.append(violation) }
    if engine.state.eventsApplied != UInt64(naive.eventsApplied) {
      violations.append("\(engine.state.eventsApplied) events applied, \(naive.eventsApplied) in the log")
    }
    for (partition, next) in engine.state.offsets.next where next != log.end(of: partition) {
      violations.append("\(partition) stands at \(next), the log ends at \(log.end(of: partition))")
    }
    let lettered = Set((allLetters + letters.letters).map { "\($0.source) \($0.record.offset)" })
    if lettered != naive.rejected { violations.append("dead letters differ: \(lettered.symmetricDifference(naive.rejected).sorted())") }
    checkLists(engine)
  }

  private func checkLists(_ engine: RecommenderEngine) {
    let view = publisher.view
    guard let model = engine.model else {
      if !view.lists.isEmpty || view.model != nil { violations.append("readers have lists of a model that is not there") }
      return
    }
    counts["ended with a model", default: 0] += 1
    if view.model?.epoch != model.epoch { violations.append("readers see epoch \(view.model?.epoch ?? 0), the engine has \(model.epoch)") }
    for user in view.lists.keys where naive.users[user.string] == nil { violations.append("\(user) was forgotten and still has a list") }
    var engine = engine
    let scratch = EngineScratch(factors: model.factors)
    let isExact = configuration.model.trend == nil && configuration.model.transitions == nil && configuration.foldIn.items == .none
    for user in naive.users.keys {
      guard let list = view.lists[Identifier(user)] else {
        // An empty list is not written.
        if !engine.popular(1).isEmpty { violations.append("\(user) has no list") }
        continue
      }
      if list.epoch != model.epoch { violations.append("\(user)'s list is of epoch \(list.epoch), not \(model.epoch)") }
      let index = engine.state.users.find(Array(user.utf8))!
      let seen = Set(engine.state.users.seen(index).map { Identifier(engine.state.catalogue.items.name($0)) })
      let isPopularList = list.source == .popular && list.filledFrom == 0
      if !isPopularList, list.items.contains(where: { seen.contains($0.item) }) { violations.append("\(user)'s list names a seen item") }
      if isExact {
        // What fills a list depends on the popularity at the time it was made.
        let fresh = engine.refresh([index], scratch)[0]
        let own = fresh.items.prefix(fresh.filledFrom ?? .max).map { Identifier(engine.state.catalogue.items.name($0.item)) }
        let written = list.items.prefix(list.filledFrom ?? .max).map(\.item)
        if own != written { violations.append("\(user)'s list is \(written), the engine's is \(own)") }
      }
    }
  }
}
