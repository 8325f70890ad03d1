import RecommenderTestKit
import Testing
@testable import Pipeline

@testable import StreamingRecommender

@Suite struct IngestLoopTests {
  private let partition = TopicPartition(topic: "events", partition: 0)

  private func pointer(_ epoch: UInt32) -> ModelPointer {
    ModelPointer(epoch: epoch, previousEpoch: epoch - 1, factors: 8, users: 1, items: 1, trainedAtMilliseconds: 0, keptEpochs: [])
  }

  // MARK: The plain road

  @Test func everythingReachesTheView() {
    let rig = LoopRig(partitions: 3)
    rig.start()
    #expect(rig.missing() == nil)
    rig.produce("u0", "new")
    rig.produce("somebody", "new")
    rig.settle()
    #expect(rig.missing() == nil)
    #expect(rig.view.lists["somebody"]?.source == .foldin)
    #expect(rig.view.popular?.items.isEmpty == false)
  }

  @Test func beforeTheFirstModelOnlyThePopularListIsThere() {
    let rig = LoopRig()
    rig.produce(checkerboard())
    rig.settle()
    #expect(rig.view.lists.isEmpty)
    #expect(rig.view.popular?.items.isEmpty == false)
    #expect(rig.view.model == nil)
  }

  @Test func theFirstTrainingStartsByItselfAtOneThousandPairs() {
    let rig = LoopRig()
    rig.produce(checkerboard(users: 150))
    rig.settle()
    #expect(rig.view.model?.epoch == 1)
    #expect(rig.missing() == nil)
  }

  @Test func aRequestWithTooLittleDataFailsAndSaysWhy() {
    let rig = LoopRig()
    rig.produce("u", "a")
    rig.settle()
    let job = rig.board.begin(.retrain, nowNanoseconds: 0).id
    rig.settle()
    #expect(rig.board.job(job)?.state == .failed)
    #expect(rig.board.job(job)?.message.contains("too few") == true)
  }

  @Test func poisonIsSentOnceAndTheStreamGoesOn() {
    let rig = LoopRig()
    rig.start()
    rig.produceGarbage("u1")
    rig.produce("u1", "i0")
    rig.settle()
    #expect(rig.letters.letters.map(\.reason) == ["bad_json"])
    #expect(rig.missing() == nil)
  }

  @Test func anEngineWithoutAllPartitionsPublishesNothing() {
    let rig = LoopRig(partitions: 2)
    rig.start()
    let before = rig.publisher.applied.count
    rig.source.rebalance(to: [partition])
    rig.produce(checkerboard(from: 1_700_000_500_000))
    rig.run(40)
    #expect(rig.publisher.applied.count == before)
    rig.source.rebalance(to: [partition, TopicPartition(topic: "events", partition: 1)])
    rig.settle()
    #expect(rig.publisher.applied.count > before)
    #expect(rig.missing() == nil)
  }

  // MARK: Order of what readers see

  @Test func itemVectorsComeBeforeThePointerAndThePointerBeforeUserVectors() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    rig.produce(checkerboard(from: 1_700_000_500_000))
    rig.settle()
    let start = rig.publisher.applied.count
    rig.retrain()
    let applied = Array(rig.publisher.applied[start...])
    let pointer = try #require(applied.firstIndex { if case .model(let pointer) = $0 { pointer.epoch == 2 } else { false } })
    let lastItem = applied.lastIndex { if case .itemFactors(2, _, _) = $0 { true } else { false } }
    let firstUser = applied.firstIndex { if case .user(let user) = $0 { user.list.epoch == 2 } else { false } }
    let (item, user) = try (#require(lastItem), #require(firstUser))
    #expect(item < pointer)
    #expect(user > pointer)
  }

  @Test func untilTheFlipLiveUpdatesGoOutUnderTheOldEpoch() {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    let reached = rig.retrain(acknowledging: 0) { rig in
      if case .itemsSubmitted = rig.engine.lifecycle.rollout?.phase { true } else { false }
    }
    #expect(reached)
    rig.produce("u0", "i3")
    rig.turn(3)
    rig.publisher.applyWithoutAcknowledging()
    #expect(rig.view.lists["u0"]?.epoch == 1)
    #expect(rig.view.lists["u0"]?.offset == rig.log.end(of: partition) - 1)
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func theSweepOfAnEpochSkipsUsersWithANewerLiveUpdate() {
    let rig = LoopRig(viewIsSlow: true)
    rig.start(checkerboard(users: 200))
    let reached = rig.retrain { rig in
      if case .users(let next) = rig.engine.lifecycle.rollout?.phase { next.index > 0 && next.index < 150 } else { false }
    }
    #expect(reached)
    let start = rig.publisher.applied.count
    rig.produce("u190", "i1")
    rig.settle()
    let writes = rig.publisher.applied[start...].compactMap { if case .user(let user) = $0, user.user == "u190" { user.list } else { nil } }
    #expect(writes.map(\.epoch) == [rig.engine.model!.epoch])
    #expect(writes.map(\.source) == [.foldin])
    #expect(rig.publisher.backwardSteps.isEmpty)
    #expect(rig.missing() == nil)
  }

  @Test func aNewItemsVectorIsWrittenBeforeTheFirstListThatNamesIt() throws {
    let rig = LoopRig()
    rig.start()
    rig.produce((0..<20).map { event("u\($0 * 2)", "hit", time: 1_700_000_900_000) })
    rig.settle()
    rig.produce("u1", "i0")
    rig.produce("stranger", "i0")
    rig.settle()
    let vector = try #require(rig.publisher.applied.firstIndex { if case .itemFactors(_, "hit", _) = $0 { true } else { false } })
    let naming = rig.publisher.applied.firstIndex {
      if case .user(let user) = $0 { user.list.items.contains { $0.item == "hit" } } else { false }
    }
    let first = try #require(naming)
    #expect(vector < first)
  }

  // MARK: Progress

  @Test(arguments: 1...12 as ClosedRange<UInt64>) func progressIsNeverAheadOfTheLists(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = LoopRig(viewIsSlow: true, roomMax: 24) { $0.foldIn.batchMax = 3 }
    rig.start()
    var lastOffset: [Identifier: Int64] = [:]
    for _ in 0..<300 {
      if random.chance(0.5) {
        let user = "u\(random.below(30))"
        lastOffset[Identifier(user)] = rig.log.end(of: partition)
        rig.produce(user, "i\(random.below(20))")
      }
      if random.chance(0.6) { rig.turn() }
      if random.chance(0.02) { _ = rig.board.begin(.retrain, nowNanoseconds: 0) }
      if random.chance(0.2) { rig.jobs.runOne() }
      if random.chance(0.03) { rig.publisher.goDown() }
      if random.chance(0.3) { rig.publisher.comeUp() }
      rig.publisher.acknowledge(Int(random.below(8)))
      guard let progress = rig.view.progress[partition]?.offset else { continue }
      for (user, offset) in lastOffset where offset <= progress && (rig.view.lists[user]?.offset ?? -1) < offset {
        let list = rig.view.lists[user].map { "\($0.offset)" } ?? "missing"
        Issue.record("seed \(seed): \(user) wrote offset \(offset), its list is \(list), progress \(progress)")
        return
      }
    }
    rig.publisher.comeUp()
    rig.settle()
    #expect(rig.missing() == nil, "seed \(seed)")
    #expect(rig.publisher.backwardSteps.isEmpty, "seed \(seed)")
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>) func theCommittedOffsetIsNeverAheadOfTheDurableSnapshot(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let rig = LoopRig(partitions: 2, lettersAreAcknowledged: false) { $0.snapshot.interval = .milliseconds(600) }
    for _ in 0..<400 {
      if random.chance(0.5) { rig.produce("u\(random.below(9))", "i\(random.below(9))") }
      if random.chance(0.05) { rig.produceGarbage("u1") }
      if random.chance(0.1) { rig.storage.failNext(1) }
      if random.chance(0.1) { rig.letters.acknowledge() }
      if random.chance(0.4) { rig.jobs.runOne() }
      rig.turn()
      for (partition, committed) in rig.log.committed.next where committed > rig.storage.durableOffsets[partition] ?? 0 {
        Issue.record(
          "seed \(seed): \(partition) committed \(committed), durable \(String(describing: rig.storage.durableOffsets[partition]))")
      }
    }
    rig.settle()
    #expect(rig.log.committed.next.isEmpty == false, "seed \(seed)")
  }

  @Test func aSnapshotCarriesTheDeadLettersThatAreNotAcknowledged() throws {
    let rig = LoopRig(lettersAreAcknowledged: false)
    rig.produce("u0", "a")
    rig.produceGarbage("u0")
    rig.turn()
    rig.loop.mailbox.post(.snapshot(job: nil))
    for _ in 0..<3 {
      rig.turn()
      rig.jobs.runAll()
    }
    #expect(rig.log.committed[partition] == 2, "nothing waits for a dead letter")
    try rig.restart()
    #expect(rig.letters.letters.map(\.record.offset) == [1], "the broker never had it: it is sent again")
    #expect(rig.letters.letters.map(\.reason) == ["bad_json"])
    rig.letters.acknowledge()
    rig.turn()
    rig.snapshot()
    try rig.restart()
    #expect(rig.letters.letters.isEmpty)
  }

  @Test func aNewModelDoesNotWaitForDeadLetters() {
    let rig = LoopRig(lettersAreAcknowledged: false)
    rig.produce(checkerboard())
    rig.produceGarbage("u0")
    rig.turn(3)
    _ = rig.board.begin(.retrain, nowNanoseconds: 0)
    for _ in 0..<100 {
      rig.turn()
      rig.jobs.runAll()
    }
    #expect(rig.letters.acknowledgedThrough == 0)
    #expect(rig.view.model?.epoch == 1)
  }

  /// One partition whose dead letters cannot be written waits; the users of the other go on.
  @Test func onePartitionWithTooManyDeadLettersIsHeldAlone() throws {
    let rig = LoopRig(partitions: 2, lettersAreAcknowledged: false)
    let other = TopicPartition(topic: "events", partition: 1)
    for _ in 0..<3000 { rig.produceGarbage("u", partition: 0) }
    rig.turn(4)
    #expect(rig.loop.deadLetters.held == [partition])
    let standing = rig.engine.state.offsets[partition]
    rig.log.append(
      "events", key: nil,
      value: InteractionEncoder.encode(
        user: Array("v".utf8), item: Array("a".utf8), operation: .add, value: 1, timeMilliseconds: rig.clock.wallMilliseconds), partition: 1
    )
    rig.turn(4)
    #expect(rig.engine.state.offsets[other] == 1)
    #expect(rig.engine.state.offsets[partition] == standing)
    rig.letters.acknowledge()
    rig.turn(8)
    rig.letters.acknowledge()
    rig.turn(8)
    #expect(rig.engine.state.offsets[partition] == 3000)
  }

  @Test func aFailedSnapshotIsTriedAgainLater() {
    let rig = LoopRig()
    rig.produce("u0", "a")
    rig.storage.failNext(1)
    rig.loop.mailbox.post(.snapshot(job: nil))
    for _ in 0..<4 {
      rig.turn()
      rig.jobs.runAll()
    }
    #expect(rig.log.committed.next.isEmpty)
    rig.clock.advance(by: .seconds(6))
    rig.settle()
    #expect(rig.log.committed[partition] == 1)
  }

  // MARK: Restarts

  @Test func aRestartGoesOnWhereTheSnapshotStands() throws {
    let rig = LoopRig(partitions: 2)
    rig.start()
    rig.snapshot()
    for number in 0..<30 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    let hash = rig.engine.stateHash()
    try rig.restart()
    rig.settle()
    #expect(rig.engine.stateHash() == hash)
    #expect(rig.missing() == nil)
    #expect(rig.publisher.backwardSteps.isEmpty)
  }

  /// The lists of the process before are ahead until the replay has passed them: nothing may be rewritten from an older state.
  @Test(arguments: [false, true]) func whileTheReplayCatchesUpNoListStepsBack(viewAnswersLate: Bool) throws {
    let rig = LoopRig(viewAnswersLate: viewAnswersLate) { $0.retrain.everyEvents = 1_000_000 }
    rig.start()
    // The last snapshot was made before the roll-out ended: the epoch must go to all users once more.
    for number in 0..<40 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    try rig.restart()
    #expect(rig.engine.lifecycle.rolledOut != rig.loop.engine.model?.epoch)
    rig.source.isUp = false
    rig.turn(10)
    rig.source.isUp = true
    rig.settle()
    #expect(rig.publisher.backwardSteps.isEmpty, "\(rig.publisher.backwardSteps.prefix(3))")
    #expect(rig.missing() == nil)
  }

  /// Lists that were on their way when the view was emptied stand there without a pointer.
  @Test func listsInAViewWithoutAPointerDoNotStepBackEither() throws {
    let rig = LoopRig()
    rig.start()
    rig.snapshot()
    for number in 0..<40 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.settle()
    let lists = rig.view.lists
    rig.publisher.wipe()
    rig.publisher.submit(
      lists.map { .user(UserRecommendations(user: $0.key, list: $0.value, factors: nil)) }, ticket: 1_000_000)
    try rig.restart()
    rig.source.isUp = false
    rig.turn(10)
    rig.source.isUp = true
    rig.settle()
    #expect(rig.publisher.backwardSteps.isEmpty, "\(rig.publisher.backwardSteps.prefix(3))")
    #expect(rig.missing() == nil)
  }

  @Test func theVectorOfANewItemThatTheViewNeverGotIsWrittenAfterARestart() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    rig.produce((0..<20).map { event("u\($0 * 2)", "hit", time: 1_700_000_020_000) })
    rig.turn()
    #expect(rig.engine.model!.hasVector(rig.engine.item("hit")!))
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.turn(2)
    rig.jobs.runAll()
    try rig.restart()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func afterARestartNoUserVectorOfTheNewEpochComesBeforeItsItemVectors() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    rig.snapshot()
    // Epoch 2 is durable, and the process dies before the view has anything of it.
    let reached = rig.retrain(acknowledging: 0) { rig in
      rig.engine.lifecycle.job == .publishing(id: rig.board.running(.retrain)!.id, epoch: 2)
    }
    #expect(reached)
    #expect(rig.view.model?.epoch == 1)
    rig.produce("u0", "i3")
    let start = rig.publisher.applied.count
    try rig.restart()
    #expect(rig.loop.engine.model?.epoch == 2)
    rig.settle()
    let applied = Array(rig.publisher.applied[start...])
    let pointer = try #require(applied.firstIndex { if case .model(let pointer) = $0 { pointer.epoch == 2 } else { false } })
    let firstUser = applied.firstIndex { if case .user(let user) = $0 { user.list.epoch == 2 } else { false } }
    let user = try #require(firstUser)
    #expect(user > pointer)
    #expect(rig.missing() == nil)
  }

  @Test func anEpochIsRolledOutOnlyWhenTheViewHasAcknowledgedEveryUser() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    // All users of epoch 2 are submitted and none is acknowledged when the next snapshot is made.
    let reached = rig.retrain { rig in if case .similar = rig.engine.lifecycle.rollout?.phase { true } else { false } }
    #expect(reached)
    rig.loop.mailbox.post(.snapshot(job: nil))
    for _ in 0..<6 {
      rig.jobs.runAll()
      rig.turn()
    }
    try rig.restart()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func numbersOfEpochsAreNotGivenAgainWhenTheViewIsAhead() throws {
    let rig = LoopRig()
    rig.start()
    rig.snapshot()
    rig.retrain()
    rig.retrain()
    #expect(rig.view.model?.epoch == 3)
    // All that is left is the first snapshot's model.
    rig.publisher.submit([.model(pointer(9))], ticket: 1_000_000)
    let start = rig.publisher.applied.count
    try rig.restart()
    rig.settle()
    #expect(rig.view.model?.epoch == 10)
    #expect(rig.missing() == nil)
    for command in rig.publisher.applied[start...] {
      if case .user(let user) = command { #expect(user.list.epoch == 10) }
      if case .itemFactors(let epoch, _, _) = command { #expect(epoch == 10) }
    }
    rig.retrain()
    #expect(rig.view.model?.epoch == 11)
    #expect(rig.missing() == nil)
  }

  @Test func anEpochNumberIsNotGivenAgainAfterTheModelWasDropped() throws {
    let rig = LoopRig()
    rig.start()
    rig.retrain()
    rig.snapshot()
    var other = rig.configuration
    other.model.factors = 12
    rig.publisher.wipe()
    try rig.restart(other)
    rig.settle()
    #expect(rig.engine.model == nil)
    rig.retrain()
    #expect(rig.engine.model?.epoch == 3)
  }

  @Test func aModelTrainedWhileTheViewWasAwayGetsANumberAboveTheViews() {
    let rig = LoopRig()
    rig.publisher.submit([.model(pointer(7))], ticket: 0)
    rig.publisher.goDown()
    _ = (rig.publisher.events(), rig.publisher.acknowledged())
    rig.produce(checkerboard())
    rig.run(40)
    _ = rig.retrain { $0.engine.lifecycle.rollout != nil }
    #expect(rig.engine.pending?.model.epoch == 1)
    rig.publisher.comeUp()
    rig.settle()
    #expect(rig.view.model?.epoch == 8)
    #expect(rig.engine.lifecycle.rolledOut == 8)
    #expect(rig.missing() == nil)
  }

  // MARK: A view that is lost

  @Test func aLostViewIsWrittenAnew() {
    let rig = LoopRig(partitions: 3)
    rig.start()
    rig.publisher.wipe()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func aViewLostInTheMiddleOfARollOutIsWrittenAnew() {
    for phase in ["items", "itemsSubmitted", "users", "similar"] {
      let rig = LoopRig(viewIsSlow: true)
      rig.start(checkerboard(users: 200))
      let reached = rig.retrain { rig in rig.engine.lifecycle.rollout.map { "\($0.phase)".hasPrefix(phase + "(") } ?? false }
      #expect(reached, "\(phase)")
      rig.turn(1)
      rig.publisher.wipe()
      rig.settle()
      #expect(rig.missing() == nil, "\(phase)")
    }
  }

  @Test func aReconnectAfterALossIsNoLossAgain() {
    let rig = LoopRig(partitions: 3)
    rig.start()
    rig.publisher.wipe()
    rig.settle()
    let count = rig.publisher.applied.count
    rig.publisher.goDown()
    rig.turn(2)
    rig.publisher.comeUp()
    rig.settle()
    #expect(rig.publisher.applied.count < count + 5, "\(rig.publisher.applied.count - count) commands after a reconnect")
  }

  @Test func aCrashWhileALostViewIsWrittenAnewLosesNoList() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start(checkerboard(users: 200))
    rig.snapshot()
    rig.publisher.wipe()
    for _ in 0..<100 {
      rig.turn()
      rig.publisher.acknowledge()
      if rig.view.model != nil, !rig.view.lists.isEmpty { break }
    }
    rig.produce("u0", "i3")
    rig.turn()
    rig.publisher.acknowledge()
    #expect(rig.view.lists.count < 200)
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.turn(2)
    rig.jobs.runAll()
    try rig.restart()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func aReconnectRepeatsNothingThatWasAcknowledged() {
    let rig = LoopRig()
    rig.start()
    let count = rig.publisher.applied.count
    rig.publisher.goDown()
    rig.produce("u0", "i3")
    rig.turn(3)
    rig.publisher.comeUp()
    rig.settle()
    #expect(rig.publisher.applied.count < count + 8)
    #expect(rig.missing() == nil)
  }

  // MARK: Forgetting

  @Test func forgettingRemovesTheKeysOfTheUser() {
    let rig = LoopRig()
    rig.start()
    rig.produce("u3", "i0")
    rig.forget("u3")
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    #expect(rig.view.userFactors["u3"] == nil)
    #expect(rig.missing() == nil)
    rig.produce("u3", "i1")
    rig.settle()
    #expect(rig.view.lists["u3"]?.source == .foldin)
    #expect(rig.view.lists["u3"]?.items.contains { $0.item == "i1" } == false)
  }

  /// The tombstone is in the snapshot, so no replay brings it again: what the view still holds must go nevertheless.
  @Test func aForgottenUserIsRemovedAlthoughTheProcessDiedBeforeTheViewKnew() throws {
    let rig = LoopRig(viewIsSlow: true)
    rig.start()
    rig.forget("u3")
    rig.turn()
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.turn(2)
    rig.jobs.runAll()
    rig.turn(2)
    #expect(rig.log.committed[partition] == rig.log.end(of: partition))
    try rig.restart()
    rig.settle()
    #expect(rig.view.lists["u3"] == nil)
    #expect(rig.missing() == nil)
  }

  // MARK: Trainings

  @Test func aRejectedRetrainKeepsTheOldModel() {
    let rig = LoopRig { ($0.retrain.warmStart, $0.retrain.maxShare) = (false, 1) }
    rig.produce(checkerboard(users: 250, items: 100))
    rig.settle()
    rig.retrain()
    let epoch = rig.engine.model?.epoch
    // Without iterations, a candidate keeps its random start.
    rig.loop.engine.settings.parameters.iterations = 0
    // The cells that the board withheld, which the live model predicts.
    let cells = (0..<250).flatMap { user in
      (0..<100).filter { (user + $0) % 2 == 0 && (user * 7 + $0 * 3) % 5 == 0 }.map { (user: user, item: $0) }
    }
    rig.produce(cells.prefix(1500).enumerated().map { event("u\($1.user)", "i\($1.item)", time: 1_700_000_020_000 + Int64($0)) })
    rig.settle()
    #expect(rig.engine.model?.epoch == epoch)
    #expect(rig.view.model?.epoch == epoch)
    let record = rig.loop.status.current.lastRetrain
    #expect(
      record?.result == .rejected,
      "\(record?.holdoutPairs ?? 0) pairs, \(record?.qualityOld ?? 0) to \(record?.qualityNew ?? 0) +- \(record?.qualityMargin ?? 0)")
    #expect(rig.missing() == nil)
    // Asked for once more, the same candidate is judged once more.
    rig.retrain()
    #expect(rig.engine.model?.epoch == epoch)
  }

  @Test func aCancelledRetrainDoesNotBeginAgainAtOnce() {
    let rig = LoopRig { $0.retrain.everyEvents = 10 }
    rig.start()
    let epoch = rig.engine.model!.epoch
    for number in 0..<20 { rig.produce("u\(number)", "i\(number)") }
    rig.turn()
    #expect(rig.jobs.count == 1)
    rig.loop.mailbox.post(.cancelRetrain(job: rig.board.running(.retrain)!.id))
    rig.turn()
    rig.jobs.runAll()
    rig.turn(3)
    #expect(rig.jobs.count == 0, "a second training runs")
    #expect(rig.board.running(.retrain) == nil)
    rig.retrain()
    #expect(rig.engine.model?.epoch == epoch + 1, "a request is served at once")
  }

  @Test func aFailingFirstTrainingIsNotTriedInEveryTurn() {
    let rig = LoopRig { $0.model.regularization = -1000 }
    rig.produce(checkerboard(users: 150))
    rig.turn(2)
    var trainings = 0
    for _ in 0..<40 {
      trainings += rig.jobs.count
      rig.jobs.runAll()
      rig.turn()
    }
    #expect(trainings == 1)
  }

  // MARK: The end

  @Test func shuttingDownPublishesAndCommitsEverything() throws {
    let rig = LoopRig()
    rig.start()
    for number in 0..<30 { rig.produce("u\(number)", "i\(number % 20)") }
    rig.turn()
    #expect(rig.loop.shutDown(timeout: .seconds(5)) == [])
    #expect(rig.log.committed[partition] == rig.log.end(of: partition))
    #expect(rig.view.lists["u29"]?.offset == rig.log.end(of: partition) - 1)
  }

  @Test func shuttingDownEndsAlthoughTheSnapshotBeforeHangs() {
    let rig = LoopRig()
    rig.start()
    rig.loop.mailbox.post(.snapshot(job: nil))
    rig.produce("u0", "i1")
    rig.turn(3)
    #expect(rig.loop.snapshots.isWriting)
    rig.clock.stepPerReading = .milliseconds(10)
    #expect(rig.loop.shutDown(timeout: .seconds(5)).count == 1)
  }

  @Test func shuttingDownEndsAlthoughListsMustWait() throws {
    let rig = LoopRig()
    rig.start()
    rig.snapshot()
    rig.produce("u0", "i3")
    rig.settle()
    try rig.restart()
    // The log is long, and only its beginning has been read: lists wait for the rest of it.
    rig.produce((0..<5000).map { event("u\($0 % 40)", "i\($0 % 20)", time: 1_700_001_000_000) })
    rig.turn()
    #expect(rig.loop.planner.held != [])
    #expect(rig.loop.shutDown(timeout: .seconds(5)) == [])
    #expect(rig.log.committed[partition] == rig.engine.state.offsets[partition])
  }
}
