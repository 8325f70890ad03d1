import RecommenderTestKit
import Telemetry
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// The archive beside the loop.
@Suite struct ArchiveLoopTests {
  private final class Scene {
    let log: InMemoryLog
    let clock = ManualClock()
    let storage = InMemorySnapshotStorage()
    let archive: InMemoryArchive
    let jobs = ManualJobRunner()
    let source: InMemorySource
    let loop: IngestLoop

    init(log: InMemoryLog = InMemoryLog(topics: ["events": 2]), archive: InMemoryArchive) throws {
      self.log = log
      self.archive = archive
      source = log.makeSource(topics: ["events"])
      let configuration = plainConfiguration {
        $0.input.topics = ["events"]
        $0.snapshot.interval = .seconds(3600)
      }
      var engine = RecommenderEngine(configuration)
      engine.archive(behind: try archive.positions())
      let clock = clock
      loop = IngestLoop(
        engine: engine, settings: .init(configuration, trainingThreads: 1),
        ports: .init(
          source: source, publisher: InMemoryPublisher(clock: { clock.monotonicNanoseconds }), deadLetters: InMemoryDeadLetterSink(),
          storage: ArchivedSnapshots(storage, archive: archive), archive: archive, jobs: jobs, clock: clock),
        jobs: JobBoard(label: "test"), firstSnapshotSequence: 1)
    }

    func produce(_ numbers: Range<Int>) {
      for number in numbers {
        let user = Array("u\(number % 7)".utf8)
        let value = InteractionEncoder.encode(
          user: user, item: Array("i\(number)".utf8), operation: .add, value: 1, timeMilliseconds: clock.wallMilliseconds)
        log.append("events", key: user, value: value, timestampMilliseconds: clock.wallMilliseconds)
      }
    }

    func turn(_ count: Int = 1) {
      for _ in 0..<count {
        clock.advance(by: .milliseconds(250))
        loop.turn(maxWait: .zero)
      }
    }

    func snapshot() {
      loop.mailbox.post(.snapshot(job: nil))
      turn(2)
      jobs.runAll()
      turn(2)
    }
  }

  @Test func aSnapshotWaitsForTheArchive() throws {
    let scene = try Scene(archive: InMemoryArchive())
    scene.produce(0..<50)
    scene.turn(4)
    #expect(scene.loop.status.current.archive?.waitingRows == 50 && scene.archive.stored.isEmpty)
    scene.archive.isAway = true
    scene.snapshot()
    #expect(scene.storage.lastSequence() == 0 && scene.log.committed.next.isEmpty)
    let conditions = scene.loop.status.current.conditions
    #expect(
      conditions.contains { $0.name == .archive && $0.severity == .warning && $0.message.contains("snapshots and new models wait") },
      "\(conditions)")
    scene.archive.isAway = false
    // It is tried again after a few seconds.
    scene.turn(30)
    scene.jobs.runAll()
    scene.turn(2)
    #expect(scene.storage.lastSequence() > 0)
    #expect(scene.archive.stored.map(\.rows.count).reduce(0, +) == 50 && scene.loop.status.current.archive?.waitingRows == 0)
    #expect(scene.log.committed == scene.loop.engine.state.offsets)
  }

  @Test func aFullArchivePausesReadingAndLosesNothing() throws {
    let scene = try Scene(archive: InMemoryArchive(rowsMax: 20))
    scene.produce(0..<30)
    scene.turn(4)
    // The store goes away after the state is frozen.
    scene.loop.mailbox.post(.snapshot(job: nil))
    scene.turn()
    scene.archive.isAway = true
    scene.jobs.runAll()
    scene.turn(2)
    scene.produce(30..<60)
    scene.turn(8)
    #expect(scene.loop.engine.state.eventsApplied == 30, "nothing is read while the archive is full")
    let condition = scene.loop.status.current.conditions.first { $0.name == .archive }
    #expect(condition?.severity == .notReady && condition?.message.contains("nothing is read") == true)
    scene.archive.isAway = false
    for _ in 0..<10 {
      scene.archive.storeOne()
      scene.turn(30)
      scene.jobs.runAll()
    }
    scene.snapshot()
    #expect(scene.loop.engine.state.eventsApplied == 60)
    #expect(scene.archive.stored.map(\.rows.count).reduce(0, +) == 60)
  }

  /// Its first records would be taken for those that are archived.
  @Test(arguments: [10, 30, 60]) func aTopicThatWasCreatedAnewIsRefused(records: Int) throws {
    let archive = InMemoryArchive()
    let first = try Scene(archive: archive)
    first.produce(0..<40)
    first.turn(4)
    first.snapshot()
    #expect(archive.stored.count == 2)
    let second = try Scene(archive: archive)
    second.produce(100..<100 + records)
    second.turn(4)
    second.produce(300..<310)
    second.turn(4)
    let fatal = try #require(second.loop.status.current.fatal)
    #expect(fatal.contains("created anew") && fatal.contains("name another archive.store"))
    #expect(second.storage.lastSequence() == 0)
    // Nor does the end of the process count anything of it as read or archived.
    _ = second.loop.shutDown(timeout: .seconds(1))
    #expect(second.storage.lastSequence() == 0 && second.log.committed.next.isEmpty && archive.stored.count == 2)
    let third = try Scene(log: second.log, archive: archive)
    third.turn(8)
    #expect(third.loop.status.current.fatal != nil, "after a restart it is the same")
  }

  @Test func withTheStoreAwayAnEndIsQuickAndLosesNothing() throws {
    let archive = InMemoryArchive()
    let log = InMemoryLog(topics: ["events": 2])
    let first = try Scene(log: log, archive: archive)
    first.produce(0..<30)
    first.turn(4)
    archive.isAway = true
    let problems = first.loop.shutDown(timeout: .seconds(1))
    #expect(problems.contains { $0.contains("archive.store") }, "\(problems)")
    #expect(first.storage.lastSequence() == 0 && archive.stored.isEmpty)
    archive.processDied()
    archive.isAway = false
    let second = try Scene(log: log, archive: archive)
    second.turn(4)
    second.snapshot()
    #expect(archive.stored.map(\.rows.count).reduce(0, +) == 30)
  }

  @Test func theSameLogIsReadAgainWithoutAWord() throws {
    let archive = InMemoryArchive()
    let log = InMemoryLog(topics: ["events": 2])
    let first = try Scene(log: log, archive: archive)
    first.produce(0..<40)
    first.turn(4)
    first.snapshot()
    let second = try Scene(log: log, archive: archive)
    second.turn(4)
    second.produce(40..<60)
    second.turn(4)
    second.snapshot()
    #expect(second.loop.status.current.fatal == nil && second.loop.engine.state.eventsApplied == 60)
    #expect(archive.stored.map(\.rows.count).reduce(0, +) == 60)
  }
}
