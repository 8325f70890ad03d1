import Factorization
import Foundation
import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct EngineTests {
  private let now: Int64 = 1_700_000_000_000

  // MARK: Records

  @Test func replayedRecordsAreIgnored() {
    let records = checkerboard().enumerated().map { record(Int64($0.offset), $0.element) }
    var engine = RecommenderEngine(plainConfiguration())
    _ = engine.apply(records)
    let hash = engine.stateHash()
    let trend = engine.state.catalogue.trend
    let again = engine.apply(records)
    #expect(again.ignored == [.alreadyApplied: records.count])
    #expect(again.changedUsers.isEmpty && again.applied.isEmpty)
    #expect(engine.stateHash() == hash)
    #expect(engine.state.catalogue.trend == trend)
  }

  @Test(arguments: [1, 2, 7, 100, 1000]) func batchSizeDoesNotChangeTheOutcome(size: Int) {
    var random = SeededGenerator(seed: 9)
    let records = (0..<400).map { offset in
      record(
        Int64(offset),
        event(
          "u\(random.below(9))", "i\(random.below(20))", random.chance(0.7) ? .add : random.chance(0.5) ? .set : .delete,
          strength: Float(random.below(5)), time: now + Int64(random.below(100))))
    }
    var whole = RecommenderEngine(plainConfiguration())
    _ = whole.apply(records)
    var engine = RecommenderEngine(plainConfiguration())
    for start in stride(from: 0, to: records.count, by: size) {
      _ = engine.apply(Array(records[start..<min(start + size, records.count)]))
    }
    #expect(engine.stateHash() == whole.stateHash())
    #expect(engine.state.offsets == whole.state.offsets)
    #expect(engine.state.violatedInvariant() == nil)
  }

  @Test func interleavingPartitionsDifferentlyGivesTheSameHash() {
    let events = checkerboard()
    let partitions = (0..<2).map { partition in
      events.filter { Int(String(decoding: $0.user.dropFirst(), as: UTF8.self))! % 2 == partition }.enumerated().map {
        record(Int64($0.offset), $0.element)
      }
    }
    var one = RecommenderEngine(plainConfiguration())
    _ = one.apply([batch(partitions[0], partition: 0), batch(partitions[1], partition: 1)])
    var other = RecommenderEngine(plainConfiguration())
    for (a, b) in zip(partitions[1], partitions[0]) {
      _ = other.apply([batch([a], partition: 1), batch([b], partition: 0)])
    }
    #expect(one.stateHash() == other.stateHash())
  }

  @Test func poisonGoesToTheDeadLettersAndTheStreamGoesOn() {
    func raw(_ offset: Int64, _ value: String, key: String? = "u") -> Record {
      Record(
        offset: offset, timestampMilliseconds: now, key: key.map { Array($0.utf8) },
        value: Array(value.utf8))
    }
    var tombstone = raw(3, "", key: nil)
    tombstone.value = nil
    var engine = RecommenderEngine(plainConfiguration())
    let update = engine.apply(
      [raw(0, "{\"user_id\":"), raw(1, "[1]"), raw(2, "{\"user_id\":\"u\"}"), tombstone, record(4, event("u", "a", time: now))])
    #expect(update.deadLetters.map(\.reason) == ["bad_json", "not_object", "missing_item_id", "no_key"])
    #expect(update.deadLetters.map(\.record.offset) == [0, 1, 2, 3])
    #expect(update.applied.count == 1)
    #expect(engine.state.offsets[TopicPartition(topic: "events", partition: 0)] == 5)
    #expect(engine.state.eventsApplied == 1)
  }

  @Test func aLateEventAfterATombstoneMakesAFreshUser() {
    let configuration = plainConfiguration()
    var engine = trainedEngine(configuration)
    let scratch = scratch(configuration)
    _ = engine.list("u0", scratch)
    let tombstone = Record(
      offset: 0, timestampMilliseconds: now, key: Array("u0".utf8), value: nil)
    let update = engine.apply([tombstone, record(1, event("u0", "i1", time: now + 1_000_000))])
    #expect(update.forgotten == ["u0"])
    let user = engine.user("u0")!
    #expect(engine.state.users.seen(user) == [engine.item("i1")!])
    #expect(engine.isCurrent(user) == false)
    #expect(engine.state.users.vector(user) == nil, "nothing of the old vector is left")
    #expect(engine.list("u0", scratch)?.source == .foldin)
    #expect(engine.state.violatedInvariant() == nil)
  }

  @Test func aTombstoneTwiceIsHarmless() {
    var engine = trainedEngine(plainConfiguration())
    func tombstone(_ offset: Int64) -> Record {
      Record(
        offset: offset, timestampMilliseconds: now, key: Array("u0".utf8), value: nil
      )
    }
    _ = engine.apply([tombstone(0), tombstone(1)])
    #expect(engine.user("u0") == nil)
    #expect(engine.state.users.count == 39)
  }

  // MARK: Fold-in

  /// Oryx applied each event of a batch to the same old vector, which loses all but one of them.
  @Test func tenEventsOfANewUserInOneBatchEqualOneExactSolve() {
    let configuration = plainConfiguration()
    var engine = trainedEngine(configuration)
    let history = (0..<10).map { event("new", "i\($0 * 2)", strength: Float(1 + $0 % 3), time: now + 1000 + Int64($0)) }
    _ = engine.apply(history)
    _ = engine.list("new", scratch(configuration))
    let expected = ReferenceSolver(engine.settings.parameters).solve(
      entries: history.map { (Int(engine.state.catalogue.items.find($0.item)!), $0.strength) }, others: engine.model!.itemFactors)
    #expect(distance(engine.state.users.vector(engine.user("new")!)!, expected.map(Float.init)) < 1e-4)
  }

  @Test func oneBatchAndTenBatchesGiveTheSameVector() {
    let configuration = plainConfiguration { $0.model.recency = .init() }
    let history = (0..<10).map { event("new", "i\($0 * 2)", time: now + 1000 + Int64($0) * 100_000) }
    var whole = trainedEngine(configuration)
    var single = whole
    let scratch = scratch(configuration)
    _ = whole.apply(history)
    _ = whole.list("new", scratch)
    for event in history {
      _ = single.apply([event])
      _ = single.list("new", scratch)
    }
    #expect(whole.state.users.vector(whole.user("new")!) == single.state.users.vector(single.user("new")!))
  }

  @Test(arguments: [false, true]) func theFirstEventOfANewUserOnANewItemGivesAListOfItsOwn(trend: Bool) {
    let configuration = plainConfiguration {
      $0.model.trend = trend ? .init() : nil
      $0.model.recency = .init()
    }
    // Odd items are more popular; the new item comes first to an even user.
    var engine = trainedEngine(configuration, checkerboard() + checkerboard(users: 20).filter { $0.user.last! % 2 == 1 })
    let scratch = scratch(configuration)
    _ = engine.apply([event("u0", "fresh", time: now + 10_000_000)])
    #expect(engine.refreshNewItems() == [], "one user is too few")
    _ = engine.apply([event("nobody", "fresh", time: now + 10_000_001)])
    #expect(engine.refreshNewItems() == [engine.item("fresh")!])
    let list = engine.list("nobody", scratch)!
    #expect(list.source == .foldin)
    #expect(engine.state.users.vector(engine.user("nobody")!)!.contains { $0 != 0 })
    #expect(!list.items.contains("fresh"))
    let popular = engine.popular(100).map { engine.state.catalogue.items.string($0.item) }.filter { $0 != "fresh" }
    #expect(list.items != Array(popular.prefix(5)))
  }

  @Test func anItemThatIsNewToTheFirstModelGetsItsVectorAfterTheInstall() {
    let configuration = plainConfiguration()
    var engine = RecommenderEngine(configuration)
    _ = engine.apply(checkerboard())
    let result = engine.makeTrainingJob(id: "t", reason: .first, nowMilliseconds: 0).run(threads: 1, monitor: TrainingMonitor())
    _ = engine.apply(["u0", "u2"].map { event($0, "while-training", time: now + 10_000_000) })
    engine.adopt(result.trained!)
    _ = engine.apply(["u0", "u2"].map { event($0, "before-the-flip", time: now + 10_000_001) })
    _ = engine.installPending()
    _ = engine.refreshNewItems()
    #expect(engine.model!.hasVector(engine.item("while-training")!))
    #expect(engine.model!.hasVector(engine.item("before-the-flip")!))
  }

  @Test(arguments: [nil, Duration.seconds(1)]) func foldInOfAnUnchangedUserEqualsItsTrainedRow(halfLife: Duration?) throws {
    let configuration = plainConfiguration { $0.input.halfLife = halfLife }
    var random = SeededGenerator(seed: 4)
    // Dislikes, undone and repeated pairs: the same rules must hold in the fold-in and in the retrain.
    let events =
      checkerboard()
      + checkerboard().filter { _ in random.chance(0.3) }.map { before in
        var event = before
        event.timeMilliseconds += 2000
        event.operation = random.chance(0.3) ? .delete : random.chance(0.5) ? .set : .add
        event.strength = random.chance(0.3) ? -2 : 3
        return event
      }
    var engine = RecommenderEngine(configuration)
    _ = engine.apply(events)
    let rows = TrainingRows(engine.state, block: nil, minSupport: 1)
    let result = engine.makeTrainingJob(id: "t", reason: .first, nowMilliseconds: 0).run(threads: 1, monitor: TrainingMonitor())
    let trained = try #require(result.trained)
    var columns = FactorMatrix(rows: rows.columns.count, factors: 8)
    for (column, item) in rows.columns.enumerated() { columns.setRow(column, to: trained.model.itemFactors[Int(item)]) }
    var parameters = engine.settings.parameters
    parameters.iterations = 0
    let halfStep = try ALSTrainer(parameters).train(rows.matrix(of: engine.state.users) { _ in true }, start: columns, endWithRows: true)
    #expect(engine.state.users.pairCount < engine.state.users.history(0).pairs.count * 40, "some pairs are undone")
    for (row, user) in rows.users.enumerated() {
      #expect(distance(trained.served[0].vector(user.index)!, halfStep.rowFactors.array(row)) < 1e-5)
    }
  }

  @Test func aDislikeLowersTheScore() {
    let configuration = plainConfiguration { $0.model.excludeSeen = false }
    var engine = trainedEngine(configuration)
    let scratch = scratch(configuration)
    func score(_ engine: inout RecommenderEngine) -> Float {
      _ = engine.list("u0", scratch)
      return zip(engine.state.users.vector(engine.user("u0")!)!, engine.model!.itemFactors[Int(engine.item("i2")!)]).reduce(0) {
        $0 + $1.0 * $1.1
      }
    }
    let before = score(&engine)
    _ = engine.apply([event("u0", "i2", .set, strength: -5, time: now + 9_000_000)])
    #expect(score(&engine) < before)
  }

  // MARK: Lists

  @Test func theWithheldItemOfTheOwnColourComesFirst() {
    let configuration = plainConfiguration()
    var engine = trainedEngine(configuration)
    let scratch = scratch(configuration)
    for user in 0..<40 {
      let withheld = (0..<20).filter { (user + $0) % 2 == 0 && (user * 7 + $0 * 3) % 5 == 0 }.map { "i\($0)" }
      #expect(Set(engine.list("u\(user)", scratch)!.items.prefix(withheld.count)) == Set(withheld))
    }
  }

  @Test(arguments: [2, 2000]) func seenItemsAreNeverInAList(cap: Int) {
    let configuration = plainConfiguration {
      $0.topN.n = 50
      $0.topN.whenEmpty = .absent
      $0.model.historyPerUser = cap
    }
    var engine = trainedEngine(configuration)
    _ = engine.apply((0..<20).map { event("u3", "i\($0)", time: now + 1_000_000 + Int64($0)) })
    let scratch = scratch(configuration)
    #expect(engine.list("u3", scratch)!.items.isEmpty, "has seen everything")
    for user in 0..<40 {
      let seen = Set(engine.state.users.seen(engine.user("u\(user)")!).map { engine.state.catalogue.items.string($0) })
      let list = engine.list("u\(user)", scratch)!.items
      #expect(seen.isDisjoint(with: list))
      let candidates = (0..<20).map { "i\($0)" }.filter { engine.model!.hasVector(engine.item($0)!) }
      #expect(Set(list) == Set(candidates).subtracting(seen))
    }
  }

  @Test(arguments: [false, true]) func aUserWithoutHistoryGetsThePopularItems(trend: Bool) {
    let configuration = plainConfiguration { $0.model.trend = trend ? .init() : nil }
    let popular = [event("u1", "i9", time: now + 10_000)] + (0..<9).map { event("u\($0 * 2)", "i14", time: now + 10_000 + Int64($0)) }
    var engine = trainedEngine(configuration, checkerboard() + popular)
    _ = engine.apply([event("empty", "i0", time: now + 20_000), event("empty", "i0", .delete, time: now + 20_001)])
    let list = engine.list("empty", scratch(configuration))!
    #expect(list.source == .popular)
    #expect(list.items == engine.popular(5).map { engine.state.catalogue.items.string($0.item) })
  }

  @Test func userTimesItemGivesTheScoresOfTheList() {
    let configuration = plainConfiguration { $0.model.recency = .init() }
    var engine = trainedEngine(configuration)
    _ = engine.apply([event("new", "i3", time: now + 100), event("new", "fresh", time: now + 200)])
    let scratch = scratch(configuration)
    _ = engine.refreshNewItems()
    for name in ["u0", "u1", "new"] {
      let list = engine.list(name, scratch)!
      let vector = engine.state.users.vector(engine.user(name)!)!
      for (item, score) in zip(list.items, list.scores) {
        let product = zip(vector, engine.model!.itemFactors[Int(engine.item(item)!)]).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product - score) < 1e-5)
      }
    }
  }

  @Test func theRankOfAnItemAgreesWithThePlainCount() {
    let configuration = plainConfiguration { $0.model.trend = .init() }
    var engine = trainedEngine(configuration)
    _ = engine.apply([event("new", "late", time: now + 100)])
    let scratch = scratch(configuration)
    let user = engine.user("u5")!
    _ = engine.refresh([user], scratch)
    let vector = engine.state.users.vector(user)!
    let coefficient = engine.state.catalogue.trend.coefficient(weight: 20)
    let scores = (0..<engine.state.catalogue.items.capacity).map { item in
      let dot = item < engine.model!.itemFactors.rows ? zip(vector, engine.model!.itemFactors[item]).reduce(0) { $0 + $1.0 * $1.1 } : 0
      return dot + coefficient * engine.state.catalogue.trend.accumulators[item]
    }
    let excluded: [Int32] = [2, 4, 20]
    for item in 0..<Int32(scores.count) {
      let rank = engine.rank(of: item, for: user, excluded: excluded, scratch)
      let better = scores.indices.count {
        $0 != Int(item) && !excluded.contains(Int32($0)) && scores[$0] > scores[Int(item)] + 1e-6
      }
      #expect(abs(rank.better - better) <= 1, "item \(item)")
    }
  }

  // MARK: Forgetting

  @Test func theVectorOfAUserForgottenWhileTrainingDoesNotComeBack() {
    let configuration = plainConfiguration()
    var engine = RecommenderEngine(configuration)
    _ = engine.apply(checkerboard())
    let index = engine.user("u7")!
    let result = engine.makeTrainingJob(id: "t", reason: .first, nowMilliseconds: 0).run(threads: 1, monitor: TrainingMonitor())
    let tombstone = Record(
      offset: 0, timestampMilliseconds: now, key: Array("u7".utf8), value: nil)
    _ = engine.apply([tombstone])
    engine.adopt(result.trained!)
    _ = engine.installPending()
    _ = engine.apply([event("stranger", "i1", time: now + 5_000_000)])
    #expect(engine.user("stranger") == index, "the index is given again")
    #expect(engine.state.users.vector(index) == nil)
  }
}
