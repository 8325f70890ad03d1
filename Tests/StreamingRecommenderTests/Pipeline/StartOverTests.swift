import Foundation
import RecommenderTestKit
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// Reading the log again into a new state, and what counts where reading begins.
@Suite struct StartOverTests {
  private let partition = TopicPartition(topic: LoopRig.topic, partition: 0)

  /// More records than one turn reads.
  private func fill(_ rig: LoopRig) {
    rig.start()
    rig.produce((0..<6000).map { event("u\($0 % 40)", "i\($0 % 20)", time: 1_700_000_100_000 + Int64($0)) })
    rig.settle()
    rig.snapshot()
  }

  @Test func listsStayUntilTheNewStateHasPassedThem() throws {
    let rig = LoopRig { $0.retrain.everyEvents = 1_000_000 }
    fill(rig)
    let (old, end) = (rig.view.lists, rig.log.end(of: partition))
    let hash = rig.engine.stateHash()
    try rig.restart(startingOverAt: PartitionOffsets())
    #expect(rig.engine.state.users.count == 0 && rig.engine.model == nil)
    // A model that is trained half-way must not reach the lists either.
    _ = rig.board.begin(.retrain, nowNanoseconds: rig.clock.monotonicNanoseconds)
    var halfWay = 0
    while rig.engine.state.offsets[partition] ?? 0 < end {
      rig.jobs.runAll()
      rig.turn()
      rig.publisher.acknowledge()
      guard rig.engine.state.offsets[partition] ?? 0 < end else { break }
      halfWay += 1
      #expect(rig.view.lists == old)
    }
    #expect(halfWay >= 2, "the replay ended in one turn")
    rig.settle()
    rig.retrain()
    #expect(rig.missing() == nil)
    #expect(rig.engine.stateHash() == hash, "the same log gives the same state")
    #expect(rig.publisher.backwardSteps.isEmpty)
  }

  @Test func epochsGoOnAboveThoseOfTheOldState() throws {
    let rig = LoopRig()
    rig.start()
    rig.retrain()
    rig.snapshot()
    let epoch = try #require(rig.engine.model?.epoch)
    // The pointer of the old state is gone, so only the snapshot knows which numbers are used up.
    rig.publisher.wipe()
    try rig.restart(startingOverAt: PartitionOffsets())
    #expect(rig.engine.lifecycle.highest == epoch)
    rig.settle()
    rig.retrain()
    #expect(try #require(rig.engine.model?.epoch) > epoch)
    #expect(rig.missing() == nil)
  }

  /// The first snapshot of the new state is written before anything is read: a crash right after it loses neither position nor epochs.
  @Test func aCrashDuringTheReplayGoesOnWithTheNewState() throws {
    let rig = LoopRig()
    fill(rig)
    let epoch = rig.engine.lifecycle.highest
    try rig.restart(startingOverAt: PartitionOffsets([partition: 100]))
    rig.turn()
    try rig.restart()
    #expect(rig.engine.state.offsets[partition] == 100 && rig.engine.state.eventsApplied == 0)
    #expect(rig.engine.lifecycle.highest == epoch)
    rig.settle()
    #expect(rig.engine.state.eventsApplied == UInt64(rig.log.end(of: partition) - 100))
  }

  @Test func recordsBeforeTheStartAreNotRead() throws {
    let rig = LoopRig()
    rig.produce((0..<10).map { event("u\($0)", "i", time: 1_700_000_000_000) })
    rig.settle()
    rig.snapshot()
    try rig.restart(startingOverAt: PartitionOffsets([partition: 7]))
    rig.settle()
    #expect((0..<10).filter { rig.engine.user("u\($0)") != nil } == [7, 8, 9])
  }

  @Test func whoWasForgottenStaysOnTheListUnlessTheyCameBack() throws {
    let rig = LoopRig()
    rig.start()
    rig.forget("u3")
    rig.forget("u4")
    rig.produce("u4", "i0")
    rig.settle()
    rig.snapshot()
    try rig.restart(startingOverAt: PartitionOffsets([partition: rig.log.end(of: partition)]))
    #expect(rig.engine.state.forgotten.contains("u3") && !rig.engine.state.forgotten.contains("u4"))
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    #expect(rig.view.lists["u4"] != nil, "the list of a user whom the new state does not know yet stays")
  }

  @Test func aStateIsThereWhenAnythingWouldBeReplaced() throws {
    let storage = InMemorySnapshotStorage()
    let configuration = plainConfiguration()
    #expect(try !RecoveredEngine(from: storage, configuration: configuration).hasState)
    _ = try storage.write(RecommenderEngine(configuration).snapshot(sequence: 1))
    #expect(try !RecoveredEngine(from: storage, configuration: configuration).hasState)
    var engine = RecommenderEngine(configuration)
    _ = engine.apply([record(0, event("u", "i", time: 1_700_000_000_000))])
    _ = try storage.write(engine.snapshot(sequence: 2))
    #expect(try RecoveredEngine(from: storage, configuration: configuration).hasState)
    let damaged = InMemorySnapshotStorage()
    try damaged.tear(sequence: 1, engine.snapshot(sequence: 1), keepingBytes: 0.5)
    #expect(try RecoveredEngine(from: damaged, configuration: configuration).hasState)
  }

  // MARK: Snapshots that are set aside

  @Test func setAsideMovesEverySnapshotAndDeletesNone() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "fr-aside-\(UInt32.random(in: 0...(.max)))").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = SnapshotDirectory(path: path, keep: 2, synchronizes: false)
    try directory.prepare()
    #expect(try directory.setAside(as: "none") == nil && directory.setAsideDirectories() == [])
    let engine = RecommenderEngine(plainConfiguration())
    for sequence in 1...2 as ClosedRange<UInt64> { _ = try directory.write(engine.snapshot(sequence: sequence)) }
    let aside = try #require(try directory.setAside(as: "20261128T060000Z"))
    #expect(aside == path + "/set-aside-20261128T060000Z" && directory.setAsideDirectories() == ["set-aside-20261128T060000Z"])
    #expect(directory.sequences() == [] && SnapshotDirectory(path: aside).sequences() == [1, 2])
    for sequence in 3...5 as ClosedRange<UInt64> { _ = try directory.write(engine.snapshot(sequence: sequence)) }
    #expect(directory.sequences() == [4, 5] && SnapshotDirectory(path: aside).sequences() == [1, 2])
    #expect(throws: SnapshotError.self) { try directory.setAside(as: "20261128T060000Z") }
    #expect(directory.sequences() == [4, 5])
  }

  // MARK: What counts

  @Test func theSnapshotCountsAndADifferingCommitIsTold() throws {
    let rig = LoopRig()
    rig.produce((0..<10).map { event("u\($0)", "i", time: 1_700_000_000_000) })
    rig.settle()
    rig.snapshot()
    // Someone resets the group, as kafka-consumer-groups --reset-offsets does.
    rig.source.commit(PartitionOffsets([partition: 3]))
    try rig.restart()
    rig.settle()
    #expect(rig.engine.state.eventsApplied == 10)
    let status = rig.loop.status.current
    #expect(status.start.offsets[partition] == 10 && status.start.committed[partition] == 3 && status.start.differing == [partition])
    #expect(status.start.decision(partition) == .snapshot)
    #expect(rig.lines.all(containing: "events[0]=10 (committed 3)").count == 1)
    #expect(rig.lines.all(containing: "reading begins at the offsets of snapshot 1").count == 1)
  }

  @Test func aGroupThatStandsWhereTheSnapshotDoesIsNoNews() throws {
    let rig = LoopRig()
    rig.produce((0..<10).map { event("u\($0)", "i", time: 1_700_000_000_000) })
    rig.settle()
    rig.snapshot()
    try rig.restart()
    rig.settle()
    #expect(rig.loop.status.current.start.committed[partition] == 10)
    #expect(rig.lines.all(containing: "committed").isEmpty)
  }

  @Test func aPositionBeyondTheSnapshotIsAWarning() {
    var start = StartPositions(.snapshot(4), offsets: PartitionOffsets([partition: 10]))
    let line = start.note(committed: [partition: 12])
    #expect(line?.isWarning == true && line?.positions == "events[0]=10 (committed 12)")
    #expect(start.note(committed: [partition: 12]) == nil, "told once")
    var asked = StartPositions(.earliest)
    #expect(asked.note(committed: [partition: 12])?.isWarning == false)
    #expect(asked.decision(partition) == .earliest)
    #expect(StartPositions(.time(5), offsets: PartitionOffsets([partition: 1])).decision(partition) == .time)
    // A partition that was added later is in no snapshot.
    #expect(start.decision(TopicPartition(topic: "events", partition: 9)) == .earliest)
  }

  @Test func aLongListOfPartitionsIsCut() {
    let partitions = (0..<100 as Range<Int32>).map { TopicPartition(topic: "events", partition: $0) }
    let line = StartPositions().line(assigned: partitions)
    #expect(line.positions.hasSuffix(" events[15]=earliest and 84 more"))
  }

  // MARK: What the engine holds of a user

  @Test func aReportFollowsATombstoneUntilTheViewHasConfirmedIt() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    func report(_ user: Identifier) throws -> UserReport {
      let handle = JobHandle<[UserReport]>()
      rig.loop.mailbox.post(.report([user], handle))
      rig.turn()
      return try #require(handle.result?.first)
    }
    let known = try report("u3")
    #expect(known.isKnown && known.pairs == 8 && known.hasVector && known.removal == .none)
    #expect(try report("nobody") == UserReport(id: "nobody", partition: 0))
    rig.forget("u3")
    rig.turn()
    let pending = try report("u3")
    #expect(!pending.isKnown && pending.pairs == 0 && pending.removal == .pending)
    #expect(rig.view.lists["u3"] != nil || rig.publisher.status.queuedCommands > 0)
    rig.settle()
    guard case .confirmed = try report("u3").removal else {
      Issue.record("not confirmed")
      return
    }
    rig.produce("u3", "i0")
    rig.settle()
    let back = try report("u3")
    #expect(back.isKnown && back.pairs == 1)
    guard case .confirmed = back.removal else {
      Issue.record("not confirmed")
      return
    }
  }

  @Test func aReportNamesTheUserIntoWhomAnIdWasMerged() throws {
    let rig = LoopRig()
    rig.produce("visitor", "i0")
    let merge = Array(#"{"user_id":"visitor","op":"merge","into":"account"}"#.utf8)
    rig.log.append(LoopRig.topic, key: Array("visitor".utf8), value: merge, timestampMilliseconds: rig.clock.wallMilliseconds)
    rig.settle()
    let reports = ["visitor", "account"].map { rig.loop.report(on: Identifier($0)) }
    #expect(reports[0].mergedInto == "account" && !reports[0].isKnown && reports[0].pairs == 0)
    #expect(reports[1].mergedInto == nil && reports[1].isKnown && reports[1].pairs == 1)
  }

  @Test func theNewestSnapshotIsTold() throws {
    let rig = LoopRig()
    #expect(rig.loop.status.current.durable == nil)
    rig.produce((0..<10).map { event("u\($0)", "i", time: 1_700_000_000_000) })
    rig.settle()
    rig.snapshot()
    let durable = DurableSnapshot(sequence: 1, epoch: 0, offsets: PartitionOffsets([partition: 10]))
    #expect(rig.loop.status.current.durable == durable)
    try rig.restart()
    rig.settle()
    #expect(rig.loop.status.current.durable == durable)
    #expect(rig.loop.status.current.offsets[partition] == 10)
  }
}
