import RecommenderTestKit
import Testing

@testable import Pipeline
@testable import StreamingRecommender

@Suite struct RollbackTests {
  /// Two epochs of different item vectors, the second one in use.
  private static func rigWithTwoEpochs(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> LoopRig {
    let rig = LoopRig(change)
    rig.start()
    for user in 0..<30 { rig.produce("new\(user)", "i\(user % 10)") }
    rig.settle()
    rig.retrain()
    return rig
  }

  @Test func aRollbackMakesANewEpochWithTheOldItemVectors() throws {
    let rig = Self.rigWithTwoEpochs()
    let old = try rig.epochs.read(1)
    #expect(rig.engine.model?.epoch == 2)
    rig.produce("u0", "later")
    rig.settle()
    let job = try #require(rig.request(.rollback(epoch: 1)))
    #expect(job.state == .done, "\(job.message)")
    let record = try #require(job.record)
    #expect((record.epoch, record.baseEpoch) == (3, 1))
    #expect(record.reason == "rollback to epoch 1")
    #expect(record.churn != nil)
    let model = try #require(rig.engine.model)
    #expect(model.epoch == 3)
    for (row, id) in old.items.enumerated() {
      let item = try #require(rig.engine.state.catalogue.items.find(id.bytes))
      #expect(model.itemFactors.array(Int(item)) == old.factors.array(row))
    }
    // Users that came later have lists of the new epoch, too.
    #expect(rig.missing() == nil)
  }

  @Test func retrainsWaitAfterARollbackUntilTheyAreResumed() throws {
    let rig = Self.rigWithTwoEpochs { $0.retrain.everyEvents = 10 }
    rig.request(.rollback(epoch: 1))
    let epoch = try #require(rig.engine.model).epoch
    for user in 0..<50 { rig.produce("more\(user)", "i\(user % 10)") }
    rig.settle()
    rig.turn(2)
    #expect(rig.engine.model?.epoch == epoch)
    #expect(rig.loop.status.current.rolledBackTo == 1)
    #expect(rig.loop.status.current.nextRetrain == .resumption(rolledBackTo: 1))
    rig.loop.mailbox.post(.resumeRetrains)
    rig.turn()
    rig.settle()
    #expect(try #require(rig.engine.model).epoch > epoch)
    #expect(rig.engine.rolledBackTo == nil)
  }

  @Test func aRetrainByHandEndsThePause() {
    let rig = Self.rigWithTwoEpochs()
    rig.request(.rollback(epoch: 1))
    #expect(rig.engine.rolledBackTo == 1)
    rig.retrain()
    #expect(rig.engine.rolledBackTo == nil)
  }

  @Test func thePauseOutlivesARestart() throws {
    let rig = Self.rigWithTwoEpochs()
    rig.request(.rollback(epoch: 1))
    rig.snapshot()
    try rig.restart()
    #expect(rig.engine.rolledBackTo == 1)
    #expect(rig.engine.model?.epoch == 3)
  }

  @Test func withoutAModelNothingWaits() throws {
    let rig = Self.rigWithTwoEpochs()
    rig.request(.rollback(epoch: 1))
    rig.snapshot()
    var other = rig.configuration
    other.model.factors += 1
    try rig.restart(other)
    #expect(rig.engine.model == nil)
    #expect(rig.engine.rolledBackTo == nil)
  }

  @Test func aFailedRollbackDelaysNoRetrain() throws {
    let rig = Self.rigWithTwoEpochs()
    for user in 0..<3 { rig.produce("n\(user)", "i1") }
    rig.settle()
    let before = rig.engine.demand.eventsSinceLastAttempt
    #expect(before > 0)
    rig.request(.rollback(epoch: 77))
    #expect(rig.engine.demand.eventsSinceLastAttempt == before)
  }

  @Test func anUnknownEpochFailsAndChangesNothing() throws {
    let rig = Self.rigWithTwoEpochs()
    let job = try #require(rig.request(.rollback(epoch: 77)))
    #expect(job.state == .failed)
    #expect(rig.engine.model?.epoch == 2)
    #expect(rig.engine.rolledBackTo == nil)
    // The next retrain is not in the way of what failed.
    rig.retrain()
    #expect(rig.engine.model?.epoch == 3)
  }

  @Test func theEpochInUseIsRefused() throws {
    let rig = Self.rigWithTwoEpochs()
    let job = try #require(rig.request(.rollback(epoch: 2)))
    #expect((job.state, job.message) == (.failed, "epoch 2 is the one in use"))
  }

  @Test func aStoredModelWithOtherFactorsIsRefused() throws {
    let rig = Self.rigWithTwoEpochs()
    var other = StoredModel(epoch: 9, trainedPairs: 1, trainedAtMilliseconds: 0, factors: 3)
    other.append("i0", [1, 2, 3])
    try rig.epochs.write(other)
    let job = try #require(rig.request(.rollback(epoch: 9)))
    #expect(job.state == .failed)
    #expect(job.message.contains("has 3 factors"))
    #expect(job.message.contains("start with model.factors=3"))
  }

  @Test func everythingIsWrittenAgainOnRequest() {
    let rig = Self.rigWithTwoEpochs()
    rig.publisher.wipe(isNoticed: false)
    rig.loop.mailbox.post(.republish)
    rig.turn()
    rig.settle()
    #expect(rig.missing() == nil)
  }

  @Test func onlyTheNewestEpochsAreKept() {
    let rig = LoopRig()
    rig.start()
    for round in 0..<6 {
      for user in 0..<5 { rig.produce("r\(round)u\(user)", "i\(user)") }
      rig.settle()
      rig.retrain()
    }
    #expect(rig.epochs.epochs() == [3, 4, 5, 6, 7])
  }
}
