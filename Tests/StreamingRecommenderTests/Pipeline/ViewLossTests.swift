import RecommenderTestKit
import Testing
@testable import Pipeline

@testable import StreamingRecommender

/// A view that acknowledged writes and lost them again: a crash of Redis between two fsyncs, or a failover to an older replica.
@Suite struct ViewLossTests {
  private let partition = TopicPartition(topic: "events", partition: 0)

  @Test(arguments: [1, 2, 5, 20, 60]) func listsThatTheViewHasLostAreWrittenAgain(lost: Int) {
    let rig = LoopRig(partitions: 2)
    rig.start()
    for number in 0..<30 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    #expect(rig.missing() == nil)
    rig.publisher.loseNewest(lost)
    #expect(rig.missing() != nil || lost < 3, "the loss must show")
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func progressNeverClaimsAListThatWasLost() {
    let rig = LoopRig(viewIsSlow: true) { $0.foldIn.batchMax = 2 }
    rig.start()
    var lastOffset: [Identifier: Int64] = [:]
    for round in 0..<120 {
      let user = "u\(round * 7 % 30)"
      lastOffset[Identifier(user)] = rig.log.end(of: partition)
      rig.produce(user, "i\(round % 20)")
      rig.turn()
      rig.publisher.acknowledge(3)
      if round % 20 == 19 { rig.publisher.loseNewest(8) }
      guard let progress = rig.view.progress[partition]?.offset else { continue }
      for (user, offset) in lastOffset where offset <= progress {
        #expect((rig.view.lists[user]?.offset ?? -1) >= offset, "round \(round): \(user)")
      }
    }
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func whatIsLostBeyondMemoryMakesEverybodyDue() {
    let rig = LoopRig()
    rig.start()
    rig.produce("u0", "i1")
    rig.settle()
    // An older view whose marker is not ours at all.
    rig.publisher.restore(InMemoryPublisher.View())
    rig.settle()
    #expect(rig.missing() == nil)
  }

  /// The removal was confirmed, and then the view fell back to before it.
  @Test func aForgottenUserDoesNotComeBackWithAnOlderView() {
    let rig = LoopRig()
    rig.start()
    let older = rig.view
    #expect(older.lists["u3"] != nil)
    rig.forget("u3")
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    rig.publisher.restore(older)
    #expect(rig.view.lists["u3"] != nil)
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    #expect(rig.missing() == nil)
  }

  @Test func aForgottenUserDoesNotComeBackThatWayAfterARestartEither() throws {
    let rig = LoopRig()
    rig.start()
    let older = rig.view
    rig.forget("u3")
    rig.settle()
    rig.snapshot()
    rig.publisher.restore(older)
    try rig.restart()
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    #expect(rig.missing() == nil)
  }

  @Test func aTombstoneIsKeptForAsLongAsAListCanLive() {
    let rig = LoopRig { $0.publish.ttl = .seconds(60) }
    rig.start()
    rig.forget("u3")
    rig.settle()
    #expect(rig.engine.state.forgotten.count == 1)
    rig.clock.advance(by: .seconds(61))
    rig.turn(2)
    #expect(rig.engine.state.forgotten.count == 0)
  }

  @Test func whoCameBackAfterATombstoneHasAListAfterTheRepetition() {
    let rig = LoopRig()
    rig.start()
    let older = rig.view
    rig.forget("u3")
    rig.settle()
    rig.produce("u3", "i1")
    rig.settle()
    rig.publisher.restore(older)
    rig.settle()
    #expect(rig.missing() == nil)
    #expect(rig.view.lists["u3"]?.items.contains { $0.item == "i1" } == false)
  }

  /// More tombstones than one batch takes: no list of a user that came again may go out before its tombstone.
  @Test func manyTombstonesGoOutBeforeTheListsThatCameAfterThem() {
    let rig = LoopRig(viewIsSlow: true, roomMax: 8)
    rig.start(checkerboard(users: 120))
    for number in 0..<100 { rig.forget("u\(number)") }
    for number in 0..<50 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    #expect(rig.missing() == nil)
    #expect(rig.view.lists.count == 70)
  }

  // MARK: A partition that cannot be replayed

  @Test func onePartitionThatIsHeldAfterARestartDoesNotSilenceTheOthers() throws {
    let rig = LoopRig(partitions: 4)
    rig.start()
    rig.snapshot()
    for number in 0..<40 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    try rig.restart()
    for number in 0..<40 { rig.produce("u\(number)", "i\((number + 1) % 20)") }
    let stuck = TopicPartition(topic: "events", partition: 2)
    rig.source.setPaused(true, stuck)
    let start = rig.publisher.applied.count
    rig.run(40)
    var written: [Int32: Int] = [:]
    for command in rig.publisher.applied[start...] {
      if case .user(let user) = command { written[rig.engine.state.users.partition(ofID: user.user.bytes), default: 0] += 1 }
    }
    #expect(written.keys.sorted() == [0, 1, 3], "lists of the held partition wait, the others go out")
    #expect(
      rig.view.progress[TopicPartition(topic: "events", partition: 1)]?.offset == rig.log.end(of: .init(topic: "events", partition: 1)) - 1)
    #expect((rig.view.progress[stuck]?.offset ?? -1) < rig.log.end(of: stuck) - 1)
    // It ends: after a while lists of that partition go out as they are.
    rig.clock.advance(by: ReplayHold.patience)
    rig.run(40)
    #expect(rig.loop.planner.held == [])
    rig.source.setPaused(false, stuck)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  // MARK: When a retrain is done

  @Test func aRetrainIsDoneWhenEveryUserHasTheNewEpochAndThePointersMomentIsToldBefore() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start(checkerboard(users: 200))
    let epoch = rig.engine.model!.epoch + 1
    let job = rig.board.begin(.retrain, nowNanoseconds: 0).id
    var visibleBeforeDone = false
    for _ in 0..<400 {
      rig.jobs.runOne()
      rig.turn()
      rig.publisher.acknowledge(20)
      let state = try #require(rig.board.job(job))
      if state.state != .running { break }
      if let record = state.record {
        visibleBeforeDone = true
        #expect(record.epoch == epoch && record.visibleAtMilliseconds != nil && record.rolledOutAtMilliseconds == nil)
        #expect(state.phase == "lists")
      }
    }
    #expect(visibleBeforeDone)
    let done = try #require(rig.board.job(job))
    #expect(done.state == .done)
    #expect(done.record?.rolledOutAtMilliseconds != nil)
    #expect(rig.view.lists.values.allSatisfy { $0.epoch == epoch })
  }
}
