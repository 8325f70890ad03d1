import Testing

@testable import StreamingRecommender

@Suite struct ModelLifecycleTests {
  private static let first = UserReference(partition: 0, index: 0)

  /// A model is live, visible and rolled out as epoch 1.
  private static func live() -> ModelLifecycle {
    var life = ModelLifecycle()
    _ = life.viewConnected(.init(epoch: nil, isLost: true, isBehind: false))
    publish(&life, job: "first")
    return life
  }

  private static func publish(_ life: inout ModelLifecycle, job: String) {
    life.beginTraining(job: job)
    let epoch = life.adopt().epoch
    _ = life.snapshotDurable(epoch: epoch)
    life.continueRollout(.itemsSubmitted(ticket: 1))
    _ = life.movePointer()
    life.submittedUsers(epoch: life.live!, ticket: 2)
    life.endRollout()
    _ = life.acknowledged(through: 2)
  }

  @Test func aModelGoesFromTheTrainingToEveryUser() {
    var life = ModelLifecycle()
    life.beginTraining(job: "a")
    let (epoch, actions) = life.adopt()
    #expect(epoch == 1)
    #expect(actions == [.requestSnapshot])
    #expect(life.pending == 1)
    #expect(life.rollout == nil, "nobody sees it before it is durable")
    #expect(life.snapshotDurable(epoch: 0) == [])
    #expect(life.rollout == nil)
    #expect(life.snapshotDurable(epoch: 1) == [])
    #expect(life.rollout == Rollout(epoch: 1, installs: true, phase: .items(next: 0)))
    #expect(life.live == nil)
    life.continueRollout(.itemsSubmitted(ticket: 7))
    #expect(life.movePointer() == [.pointerMoved(job: "a", epoch: 1)])
    #expect(life.live == 1 && life.visible == 1 && life.isLiveVisible)
    #expect(life.rollout == Rollout(epoch: 1, installs: false, phase: .users(next: Self.first)))
    #expect(life.pending == nil)
    life.submittedUsers(epoch: life.live!, ticket: 9)
    #expect(life.acknowledged(through: 8) == [])
    #expect(life.job == .publishing(id: "a", epoch: 1), "a job is done when every user has the epoch")
    #expect(life.acknowledged(through: 9) == [.jobDone(job: "a", epoch: 1)])
    #expect(life.job == .none)
    #expect(life.rolledOut == 1)
  }

  @Test func aTrainingThatComesToNothingIssuesNoNumber() {
    var life = Self.live()
    life.beginTraining(job: "b")
    life.endTraining()
    #expect(life.job == .none)
    #expect(life.highest == 1)
    Self.publish(&life, job: "c")
    #expect(life.live == 2)
  }

  @Test func numbersAreNeverIssuedTwiceWhateverTheViewSays() {
    var life = Self.live()
    let actions = life.viewConnected(.init(epoch: 40, isLost: false, isBehind: false))
    #expect(actions.contains(.renumberLive(41)))
    #expect(life.highest == 41)
    #expect(!life.allowsPublishing, "the new number must be durable first")
    _ = life.snapshotDurable(epoch: 41)
    #expect(life.allowsPublishing)
    Self.publish(&life, job: "next")
    #expect(life.live == 42)
  }

  @Test func aPendingModelGetsANumberAboveTheViews() {
    var life = ModelLifecycle()
    life.beginTraining(job: "a")
    _ = life.adopt()
    _ = life.snapshotDurable(epoch: 1)
    let actions = life.viewConnected(.init(epoch: 7, isLost: false, isBehind: false))
    #expect(actions.contains(.renumberPending(8)))
    #expect(life.rollout?.epoch == 8, "item vectors were written under the number that it had before")
    #expect(life.pending == 8)
  }

  @Test func aLostViewGetsTheLiveModelAgain() {
    var life = Self.live()
    #expect(life.viewConnected(.init(epoch: nil, isLost: true, isBehind: false)) == [.forgetSubmittedLists])
    #expect(life.rollout == Rollout(epoch: 1, installs: false, phase: .items(next: 0)))
    #expect(!life.isLiveVisible)
  }

  @Test func aViewThatIsBehindGetsEveryUserAndKeepsItsPointer() {
    var life = Self.live()
    #expect(life.viewConnected(.init(epoch: 1, isLost: false, isBehind: true)) == [.forgetSubmittedLists])
    #expect(life.rollout == Rollout(epoch: 1, installs: false, phase: .users(next: Self.first)))
    #expect(life.isLiveVisible)
  }

  @Test func aLostTailIsWrittenAgainUnlessItIsYetToCome() {
    var life = Self.live()
    let view = ModelLifecycle.View(epoch: 1, isLost: false, isBehind: false, hasLostTail: true)
    _ = life.viewConnected(view)
    #expect(life.rollout?.phase == .similar(next: 0))
    life.continueRollout(.retire(epoch: 1, next: 5))
    _ = life.viewConnected(view)
    #expect(life.rollout?.phase == .similar(next: 0))
    life.continueRollout(.users(next: 4))
    _ = life.viewConnected(view)
    #expect(life.rollout?.phase == .users(next: 4))
  }

  @Test func aViewThatHasEverythingGetsNothing() {
    var life = Self.live()
    #expect(life.viewConnected(.init(epoch: 1, isLost: false, isBehind: false)) == [])
    #expect(life.rollout == nil)
  }

  @Test func afterARestartARollOutThatHadNotEndedGoesToEveryUser() {
    var life = ModelLifecycle(highest: 5, live: 5, rolledOut: 4)
    #expect(life.viewConnected(.init(epoch: 5, isLost: false, isBehind: false)) == [.forgetSubmittedLists])
    #expect(life.rollout?.phase == .users(next: Self.first))
  }

  @Test func aViewLostWhileAJobPublishesBeginsWithTheItemsAndTheJobStillEnds() {
    var life = Self.live()
    life.beginTraining(job: "b")
    _ = life.adopt()
    _ = life.snapshotDurable(epoch: 2)
    life.continueRollout(.items(next: 64))
    _ = life.viewConnected(.init(epoch: nil, isLost: true, isBehind: false))
    #expect(life.rollout == Rollout(epoch: 2, installs: true, phase: .items(next: 0)))
    _ = life.movePointer()
    _ = life.viewConnected(.init(epoch: nil, isLost: true, isBehind: false))
    #expect(life.rollout == Rollout(epoch: 2, installs: false, phase: .items(next: 0)))
    _ = life.movePointer()
    life.submittedUsers(epoch: life.live!, ticket: 3)
    #expect(life.acknowledged(through: 3) == [.jobDone(job: "b", epoch: 2)])
  }
}
