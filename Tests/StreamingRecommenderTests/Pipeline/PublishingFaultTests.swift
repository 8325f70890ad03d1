import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

/// Faults of publishing that once were there, one test each.
@Suite struct PublishingFaultTests {
  /// The view acknowledges writes, crashes without them, and is back before the loop looks: the loop hears of the loss while it does
  /// not know of the acknowledgements yet, and takes them afterwards.
  @Test(arguments: [1, 2, 3]) func aLossIsNoticedAlsoWhenItsAcknowledgementsAreNotTakenYet(lost: Int) {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    for number in 0..<6 { rig.produce("u\(number)", "i\(number * 3 % 20)") }
    rig.turn()
    rig.publisher.acknowledge()
    rig.publisher.loseNewest(lost)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  /// As above; what readers are told must be there whatever was lost.
  @Test(arguments: 1...10 as ClosedRange<UInt64>) func progressNeverClaimsAListThatWasLostBeforeItsAcknowledgementWasTaken(seed: UInt64) {
    let partition = TopicPartition(topic: "events", partition: 0)
    var random = SeededGenerator(seed: seed)
    let rig = LoopRig(viewIsSlow: true) { $0.foldIn.batchMax = 3 }
    rig.start()
    var lastOffset: [Identifier: Int64] = [:]
    for round in 0..<60 {
      let user = "u\(random.below(30))"
      lastOffset[Identifier(user)] = rig.log.end(of: partition)
      rig.produce(user, "i\(random.below(20))")
      rig.turn()
      rig.publisher.acknowledge(Int(random.below(8)) + 1)
      if random.chance(0.2) { rig.publisher.loseNewest(Int(random.below(3)) + 1) }
      guard let progress = rig.view.progress[partition]?.offset else { continue }
      for (user, offset) in lastOffset where offset <= progress && (rig.view.lists[user]?.offset ?? -1) < offset {
        Issue.record("seed \(seed), round \(round): \(user) at \(offset), readers are told \(progress)")
        return
      }
    }
    rig.settle()
    #expect(rig.missing() == nil, "seed \(seed)")
  }

  /// Lists that are made in the same batch that moves the pointer are of the epoch before; they must not count as lists of the new one.
  @Test func aListMadeBesideThePointerIsWrittenAgainUnderTheNewEpoch() {
    let rig = LoopRig(viewIsSlow: true) { $0.foldIn.batchMax = 2 }
    rig.start()
    // All of these are known to the training, so nobody is folded in again when the model is installed.
    for number in 0..<40 { rig.produce("u\(number)", "i\((number * 3 + 1) % 20)") }
    rig.retrain()
    #expect(rig.engine.model?.epoch == 2)
    #expect(rig.missing() == nil)
  }

  /// The last slice of users ends exactly with the last user, and nothing is written after the users.
  @Test func aRetrainEndsWhenNothingIsWrittenAfterTheUsers() {
    let rig = LoopRig { $0.publish.similar = false }
    rig.produce(checkerboard())
    rig.settle()
    let job = rig.board.begin(.retrain, nowNanoseconds: rig.clock.monotonicNanoseconds).id
    rig.run(100)
    #expect(rig.view.lists.count == 40)
    #expect(rig.board.job(job)?.state == .done)
  }

  /// A ticket of more commands than one pipeline takes is acknowledged in parts, and the parts leave the queue; the view then loses them.
  @Test func aLossInTheMiddleOfATicketIsNoticed() {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    for number in 0..<10 { rig.produce("u\(number)", "i\(number * 3 % 20)") }
    rig.turn()
    rig.publisher.acknowledge(6)
    rig.turn()
    rig.publisher.loseNewest(4)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  /// The same with item vectors: the proof that lets the pointer appear must not count those that are lost.
  @Test func aPointerDoesNotAppearWithoutVectorsThatWereLostInTheMiddleOfATicket() {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    let reached = rig.retrain(acknowledging: 8) { $0.view.itemFactors.keys.filter { $0.epoch == 2 }.count >= 6 }
    #expect(reached && rig.view.model?.epoch == 1)
    rig.publisher.loseNewest(4)
    for _ in 0..<60 {
      rig.publisher.acknowledge(8)
      rig.turn()
      guard let pointer = rig.view.model else { continue }
      let vectors = rig.view.itemFactors.keys.filter { $0.epoch == pointer.epoch }.count
      if vectors < pointer.items {
        Issue.record("epoch \(pointer.epoch) has \(vectors) of \(pointer.items) vectors")
        return
      }
    }
  }

  /// Progress that waits behind lists goes out after the view has lost them, before anybody has heard of the loss; then the process dies.
  @Test func progressOnItsWayDoesNotClaimListsThatAreLostMeanwhile() throws {
    let partition = TopicPartition(topic: "events", partition: 0)
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    rig.clock.advance(by: .seconds(2))
    let offset = rig.log.end(of: partition)
    rig.produce("u1", "i1")
    rig.turn()
    rig.publisher.acknowledge()
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.turn()
    rig.jobs.runAll()
    rig.turn()
    let written = try #require(rig.view.lists["u1"])
    #expect(written.offset == offset)
    for _ in 0..<8 where rig.view.lists["u1"] == written { rig.publisher.loseNewest(1) }
    #expect(rig.view.lists["u1"]?.offset != offset)
    rig.publisher.acknowledge()
    #expect((rig.view.progress[partition]?.offset ?? -1) < offset, "readers are told \(offset)")
    try rig.restart()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  // MARK: Held partitions

  private let topic = "events"

  /// A user whose id belongs to the partition.
  private func user(of partition: Int32, _ rig: LoopRig) -> String {
    (0..<40).map { "u\($0)" }.first { rig.engine.state.users.partition(ofID: Array($0.utf8)) == partition }!
  }

  /// A record without a key may lie in any partition. While its user's own partition is held, the list waits, and so must the progress.
  @Test func progressOfARecordThatCameByAnotherPartitionWaitsForItsHeldUser() throws {
    let rig = LoopRig(partitions: 4)
    rig.start()
    rig.snapshot()
    try rig.restart()
    let user = user(of: 2, rig)
    let stuck = TopicPartition(topic: topic, partition: 2)
    let other = TopicPartition(topic: topic, partition: 1)
    rig.produce(user, "i3")
    rig.source.setPaused(true, stuck)
    let value = InteractionEncoder.encode(
      user: Array(user.utf8), item: Array("i5".utf8), operation: .add, value: 1, timeMilliseconds: rig.clock.wallMilliseconds + 5000)
    let (_, offset) = rig.log.append(
      topic, key: nil, value: value, timestampMilliseconds: rig.clock.wallMilliseconds, partition: 1)
    rig.run(30)
    #expect(rig.loop.planner.held == nil, "records by other partitions than their users': all lists wait")
    let list = try #require(rig.view.lists[Identifier(user)])
    let isCovered = list.partition == 1 && list.offset >= offset
    #expect(isCovered || (rig.view.progress[other]?.offset ?? -1) < offset, "readers are told \(offset), the list is \(list)")
  }

  /// The same with a list that steps back: the record that readers' list covers lies in a partition that is still being replayed. Known
  /// from the snapshot on: a first such record after the newest snapshot is not foreseen.
  @Test func aListDoesNotStepBackWhenTheRecordBehindItIsInAnotherPartitionThatIsReplayed() throws {
    let rig = LoopRig(partitions: 4) { $0.topN.n = 20 }
    rig.start()
    let user = user(of: 2, rig)
    let first = InteractionEncoder.encode(
      user: Array(user.utf8), item: Array("i2".utf8), operation: .add, value: 1, timeMilliseconds: rig.clock.wallMilliseconds)
    rig.log.append(topic, key: nil, value: first, timestampMilliseconds: rig.clock.wallMilliseconds, partition: 1)
    rig.settle()
    rig.snapshot()
    let value = InteractionEncoder.encode(
      user: Array(user.utf8), item: Array("i5".utf8), operation: .add, value: 1, timeMilliseconds: rig.clock.wallMilliseconds + 5000)
    rig.log.append(topic, key: nil, value: value, timestampMilliseconds: rig.clock.wallMilliseconds, partition: 1)
    rig.settle()
    let before = try #require(rig.view.lists[Identifier(user)])
    #expect(before.items.allSatisfy { $0.item != "i5" })
    try rig.restart()
    // Not the whole of partition 1 can be read yet; its user's own partition can.
    rig.source.setPaused(true, TopicPartition(topic: topic, partition: 1))
    rig.produce(user, "i3")
    rig.run(30)
    let list = try #require(rig.view.lists[Identifier(user)])
    #expect(list.items.allSatisfy { $0.item != "i5" }, "the list names again what the user has used: \(list)")
  }

  /// A roll-out passes users of held partitions by. It must not count as done, neither here nor after a restart, before they have theirs.
  @Test func aRolloutIsNotDoneWhileUsersOfAHeldPartitionHaveNoListOfIt() throws {
    let rig = LoopRig(partitions: 4)
    rig.start()
    rig.snapshot()
    try rig.restart()
    rig.produce(user(of: 2, rig), "i3")
    let stuck = TopicPartition(topic: topic, partition: 2)
    rig.source.setPaused(true, stuck)
    rig.run(20)
    #expect(rig.loop.planner.held == [2], "the test needs a held partition")
    let job = rig.board.begin(.retrain, nowNanoseconds: rig.clock.monotonicNanoseconds).id
    rig.run(60)
    #expect(rig.engine.model?.epoch == 2)
    let isDone = rig.board.job(job)?.state == .done
    let old = rig.view.lists.values.filter { $0.epoch < 2 }.count
    #expect(!isDone || old == 0, "the retrain is done, \(old) lists are of the epoch before")
    #expect(rig.engine.lifecycle.rolledOut < 2 || old == 0)
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.run(20)
    try rig.restart()
    // The view answers before the first record is read: with one, everybody would be written again for another reason.
    rig.source.isUp = false
    rig.turn(3)
    rig.source.isUp = true
    rig.settle()
    #expect(rig.missing() == nil)
  }

  /// A roll-out passes by users who wait in the queue of live updates; the job must not end before they have their lists.
  @Test func aRetrainIsNotDoneWhileUsersInTheLiveQueueHaveNoListOfIt() {
    let rig = LoopRig(viewIsSlow: true) { $0.foldIn.batchMax = 1 }
    rig.start(checkerboard(users: 60))
    let reached = rig.retrain { rig in
      if case .users = rig.engine.lifecycle.rollout?.phase { true } else { false }
    }
    #expect(reached)
    for number in 0..<60 { rig.produce("u\(number)", "i\(number * 3 % 20)") }
    rig.publisher.acknowledge()
    rig.turn()
    #expect(rig.loop.planner.dirty.count > 40, "the test needs a long queue")
    let job = rig.board.running(.retrain)!.id
    for _ in 0..<200 where rig.board.job(job)?.state != .done {
      rig.turn()
      rig.publisher.acknowledge()
    }
    #expect(rig.board.job(job)?.state == .done)
    #expect(rig.view.lists.values.filter { $0.epoch < 2 }.isEmpty)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  // MARK: Tombstones

  /// More tombstones than one batch takes.
  @Test func progressDoesNotClaimATombstoneThatWaits() {
    let partition = TopicPartition(topic: topic, partition: 0)
    let rig = LoopRig(viewIsSlow: true, roomMax: 8)
    rig.start(checkerboard(users: 60))
    var forgotten: [(user: Identifier, offset: Int64)] = []
    for number in 0..<60 {
      forgotten.append((Identifier("u\(number)"), rig.log.end(of: partition)))
      rig.forget("u\(number)")
    }
    for _ in 0..<40 {
      rig.turn()
      rig.publisher.acknowledge()
      let progress = rig.view.progress[partition]?.offset ?? -1
      if let (user, offset) = forgotten.first(where: { $0.offset <= progress && rig.view.lists[$0.user] != nil }) {
        Issue.record("\(user) was forgotten at \(offset), readers are told \(progress)")
        return
      }
    }
  }

  /// Who came back after a tombstone has a list; a restart must not take it away for as long as the replay lasts.
  @Test func whoCameBackKeepsTheListWhileARestartReplays() throws {
    let rig = LoopRig(partitions: 4)
    rig.start()
    let user = user(of: 2, rig)
    rig.forget(user)
    rig.settle()
    rig.produce(user, "i1")
    rig.settle()
    rig.snapshot()
    #expect(rig.view.lists[Identifier(user)] != nil)
    rig.produce(user, "i3")
    try rig.restart()
    rig.source.setPaused(true, TopicPartition(topic: topic, partition: 2))
    rig.run(20)
    #expect(rig.view.lists[Identifier(user)] != nil, "the list is gone while its partition is held")
  }

  // MARK: The view

  /// A failover to an older replica before the new process has had anything acknowledged.
  @Test func anOlderViewIsNoticedBeforeAnythingIsAcknowledged() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    let older = rig.view
    for number in 0..<6 { rig.produce("u\(number)", "i\(number * 3 % 20)") }
    rig.settle()
    rig.snapshot()
    try rig.restart()
    rig.turn(6)
    rig.publisher.restore(older)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  /// A pointer with a number near the end: what is written with the number after it must be readable again.
  @Test func anEpochFromOutsideNeverMakesSnapshotsUnreadable() throws {
    let rig = LoopRig()
    rig.start()
    var foreign = rig.view
    foreign.model?.epoch = ModelLifecycle.epochMax + 5
    foreign.marker = nil
    rig.publisher.restore(foreign)
    rig.run(20)
    rig.snapshot()
    let recovered = try RecoveredEngine(from: rig.storage, configuration: rig.configuration)
    #expect(recovered.refused.isEmpty, "\(recovered.refused)")
  }

  // MARK: Two engines in a group

  /// All partitions go to another engine, which publishes, and come back: its lists must not be overwritten by older ones.
  @Test func whatAnotherEngineHasPublishedMeanwhileIsNotOverwritten() throws {
    let rig = LoopRig()
    rig.start()
    rig.source.rebalance(to: [])
    rig.turn(2)
    // The other engine: a newer model and a list of it.
    var pointer = try #require(rig.view.model)
    pointer.epoch = 7
    pointer.requiresItems = false
    var list = try #require(rig.view.lists["u3"])
    list.epoch = 7
    rig.publisher.submit(
      [.model(pointer), .user(UserRecommendations(user: "u3", list: list, factors: nil))], ticket: rig.loop.ticket)
    rig.source.rebalance(to: [TopicPartition(topic: topic, partition: 0)])
    rig.produce("u3", "i1")
    rig.settle()
    #expect(rig.publisher.backwardSteps.isEmpty)
  }

  // MARK: The marker

  /// What the publisher does at a reconnect after a loss: it reads the marker, renews it with the heartbeat, and may then lose the
  /// connection before it could report anything. The marker that it finds the next time must show the loss still.
  @Test func aMarkerThatIsRenewedAfterALossDoesNotHideIt() {
    var proof = WriteProof()
    proof.acknowledge(5)
    let older = proof.marker(completing: nil)
    proof.acknowledge(10)
    #expect(proof.showsLoss(older))
    proof.fallBack(to: older)
    let renewed = proof.marker(completing: nil)
    #expect(renewed.ticket == 5, "tickets 6 to 10 are still missing, and \(renewed.text) says that they are there")
    #expect(proof.survivingTicket(renewed) == 5)
  }
}
