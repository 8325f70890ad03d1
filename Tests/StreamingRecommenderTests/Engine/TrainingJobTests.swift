import Factorization
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct TrainingJobTests {
  private static let start: Int64 = 1_700_000_000_000

  /// Trained on 10,000 pairs, and 1,500 more since: enough for a holdout.
  private static func engineWithHoldout(_ change: (inout RecommenderConfiguration) -> Void = { _ in }) -> RecommenderEngine {
    let configuration = plainConfiguration(change)
    var random = SeededGenerator(seed: 6)
    var events = checkerboard(users: 250, items: 100).shuffled(using: &random)
    for index in events.indices { events[index].timeMilliseconds = start + Int64(index) }
    var engine = RecommenderEngine(configuration)
    _ = engine.apply(Array(events[0..<8000]))
    _ = engine.trainAndInstall()
    _ = engine.apply(Array(events[8000...]))
    return engine
  }

  private func job(_ engine: RecommenderEngine, _ change: (inout EngineSettings) -> Void = { _ in }) -> TrainingJob {
    var settings = engine.settings
    change(&settings)
    return TrainingJob(
      id: "job", reason: .requested, state: engine.state.frozen(withVectors: false), settings: settings, live: engine.model,
      eventsSinceFreeze: engine.demand.eventsSinceFreeze, startedAtMilliseconds: 0)
  }

  @Test func aGoodCandidateIsJudgedAndAccepted() throws {
    let result = job(Self.engineWithHoldout()).run(threads: 1, monitor: TrainingMonitor())
    #expect(result.record.result == .accepted)
    #expect(result.record.holdoutPairs >= 500)
    #expect(try #require(result.record.qualityNew) > 0)
    #expect(result.record.warmStart)
    #expect(result.record.secondsPerPhase.map(\.name) == ["rows", "train", "judge", "refine", "fold-in", "churn"])
  }

  @Test func aWorseCandidateIsRejected() throws {
    let result = job(Self.engineWithHoldout()) {
      $0.warmStart = false
      $0.parameters.iterations = 0
    }.run(threads: 1, monitor: TrainingMonitor())
    #expect(result.record.result == .rejected)
    #expect(result.trained == nil)
    #expect(try #require(result.record.qualityNew) < result.record.qualityOld!)
    #expect(result.record.message?.contains("max_quality_drop") == true)
  }

  @Test func aWorseCandidateIsAcceptedWhereTheConfigurationSaysSo() {
    let result = job(Self.engineWithHoldout()) {
      $0.warmStart = false
      $0.parameters.iterations = 0
      $0.acceptQualityDrop = true
    }.run(threads: 1, monitor: TrainingMonitor())
    #expect(result.record.result == .accepted)
  }

  @Test func withFewHoldoutPairsACandidateIsAcceptedUnjudged() {
    var engine = trainedEngine(plainConfiguration())
    _ = engine.apply([event("u0", "i1", time: Self.start + 99_999)])
    let result = job(engine).run(threads: 1, monitor: TrainingMonitor())
    #expect(result.record.result == .accepted)
    #expect(result.record.qualityNew == nil)
    #expect(result.record.holdoutPairs == 0)
  }

  @Test func aCancelledTrainingGivesNothing() {
    let monitor = TrainingMonitor()
    monitor.cancel()
    let result = job(trainedEngine(plainConfiguration())).run(threads: 1, monitor: monitor)
    #expect(result.record.result == .cancelled)
    #expect(result.trained == nil)
  }

  @Test func aTrainingWithoutAFiniteSolutionFailsAndSaysWhatToDo() {
    let result = job(trainedEngine(plainConfiguration())) { $0.parameters.regularization.lambda = -1000 }
      .run(threads: 1, monitor: TrainingMonitor())
    #expect(result.record.result == .failed)
    #expect(result.trained == nil)
    #expect(result.record.message?.contains("model.regularization") == true)
  }

  @Test func oneAndTwoThreadsGiveEqualBits() throws {
    let engine = Self.engineWithHoldout { $0.model.trainingBlock = 20 }
    let one = job(engine).run(threads: 1, monitor: TrainingMonitor())
    let two = job(engine).run(threads: 2, monitor: TrainingMonitor())
    let (a, b) = try (#require(one.trained), #require(two.trained))
    #expect(a.model.itemFactors == b.model.itemFactors)
    #expect(a.model.gramian.packed == b.model.gramian.packed)
    #expect(a.model.meanUser == b.model.meanUser)
    #expect(one.record.qualityNew == two.record.qualityNew)
    for user in engine.state.users.references { #expect(a.served[0].vector(user.index) == b.served[0].vector(user.index)) }
  }

  @Test func theOrderInWhichIdsArriveDoesNotChangeTheResult() throws {
    let events = checkerboard()
    var one = RecommenderEngine(plainConfiguration { $0.model.trainingBlock = 4 })
    var other = one
    _ = one.apply(events)
    let reversed = Dictionary(grouping: events, by: \.user).sorted { $1.key.lexicographicallyPrecedes($0.key) }.flatMap(\.value)
    _ = other.apply(reversed)
    _ = one.trainAndInstall()
    _ = other.trainAndInstall()
    for number in 0..<20 {
      let (a, b) = (one.item("i\(number)")!, other.item("i\(number)")!)
      #expect(one.model!.itemFactors.array(Int(a)) == other.model!.itemFactors.array(Int(b)))
    }
    for number in 0..<40 {
      let (a, b) = (one.user("u\(number)")!, other.user("u\(number)")!)
      #expect(distance(one.state.users.vector(a)!, other.state.users.vector(b)!) < 1e-6)
    }
  }

  /// Producers with a clock of a day's grain, or none at all: every pair has the time of the newest.
  @Test func equalTimesDoNotEmptyTheTraining() throws {
    var engine = RecommenderEngine(plainConfiguration())
    let events = checkerboard(users: 250, items: 100).map { before in
      var event = before
      event.timeMilliseconds = Self.start
      return event
    }
    _ = engine.apply(Array(events[0..<8000]))
    _ = engine.trainAndInstall()
    _ = engine.apply(Array(events[8000...]))
    let result = job(engine).run(threads: 1, monitor: TrainingMonitor())
    let factors = try #require(result.trained).model.itemFactors
    #expect((0..<factors.rows).allSatisfy { row in factors[row].contains { $0 != 0 } }, "items without any factors")
    #expect(result.record.holdoutPairs <= engine.state.users.pairCount / 10)
  }

  @Test func aForgottenUserIsNotInTheTraining() {
    var engine = trainedEngine(plainConfiguration())
    engine.state.forget(engine.user("u0")!)
    #expect(TrainingRows(engine.state, block: nil, minSupport: 1).users.count == 39)
  }

  @Test func blocksOfAHistoryAreNearlyEqual() {
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply((0..<45).map { event("u", "i\($0)", time: Self.start + Int64($0)) })
    let matrix = TrainingRows(engine.state, block: 20, minSupport: 1).matrix(of: engine.state.users) { _ in true }
    #expect(matrix.starts == [0, 15, 30, 45])
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>) func theNewestOrdersAreKept(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let orders = (0..<300).map { _ in InteractionOrder(timeMilliseconds: Int64(random.below(100)), partition: 0) }
    let capacity = 1 + Int(random.below(299))
    var newest = BoundedNewest(capacity: capacity)
    for order in orders { _ = newest.offer(order) }
    #expect(newest.oldest == orders.sorted(by: >)[capacity - 1], "seed \(seed)")
  }

  /// The holdout is what the live model has not seen; the next attempt waits for as many new events as after an accepted one.
  @Test func anAttemptThatCameToNothingWaitsForNewEventsAndKeepsTheHoldout() {
    var engine = trainedEngine(plainConfiguration())
    _ = engine.apply([event("u0", "i1", time: Self.start + 99_999)])
    _ = engine.makeTrainingJob(id: "a", reason: .requested, nowMilliseconds: 0)
    _ = engine.apply([event("u0", "i3", time: Self.start + 99_999)])
    engine.abandonTraining()
    #expect(engine.situation(requested: false).eventsSinceFreeze == 1)
    #expect(engine.demand.eventsSinceFreeze == 2)
  }
}
