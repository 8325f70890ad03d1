import Factorization
import ItemMetadata
import RecommenderTestKit
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// Vectors of items that nobody has used, from their documents.
@Suite struct ItemPriorTests {
  /// Two groups of items and of users; a user uses items of one group. Documents say to which group an item belongs.
  private func rig(users: Int = 120, items: Int = 500, _ change: @escaping (inout RecommenderConfiguration) -> Void = { _ in }) -> LoopRig {
    let rig = LoopRig {
      $0.items.topic = LoopRig.itemTopic
      change(&$0)
    }
    var generator = SeededGenerator(seed: 41)
    var events: [Interaction] = []
    for user in 0..<users {
      for _ in 0..<30 {
        let item = Int.random(in: 0..<(items / 2), using: &generator) * 2 + user % 2
        events.append(event("u\(user)", "i\(item)", time: 1_700_000_000_000 + Int64(events.count)))
      }
    }
    for item in 0..<items { rig.produceItem("i\(item)", #"{"item_id":"i\#(item)","categories":["\#(item % 2 == 0 ? "even" : "odd")"]}"#) }
    rig.produceItem("cold", #"{"item_id":"cold","categories":["even"]}"#)
    rig.produceItem("plain", #"{"item_id":"plain","categories":["unheard of"]}"#)
    rig.start(events)
    return rig
  }

  private func vector(_ item: Identifier, _ rig: LoopRig) -> [Float]? {
    rig.view.itemFactors[.init(epoch: rig.view.model!.epoch, item: item)]
  }

  private func score(_ user: Int, _ item: String, _ rig: LoopRig) -> Float {
    zip(rig.view.userFactors[Identifier("u\(user)")]!.factors, vector(Identifier(item), rig) ?? []).reduce(0) { $0 + $1.0 * $1.1 }
  }

  private func means(_ item: String, _ rig: LoopRig) -> (even: Float, odd: Float) {
    let scores = (0..<120).map { score($0, item, rig) }
    let even = stride(from: 0, to: 120, by: 2).reduce(Float(0)) { $0 + scores[$1] } / 60
    return (even, (scores.reduce(0, +) - even * 60) / 60)
  }

  @Test func anItemWithoutEventsIsForThoseWhoLikeItsKind() throws {
    let rig = rig()
    let (even, odd) = means("cold", rig)
    #expect(even > 5 * abs(odd), "even \(even), odd \(odd)")
    #expect(vector("plain", rig) == nil)
    let record = try #require(rig.loop.status.current.lastRetrain?.itemPrior)
    #expect(record.isUsed && record.features == 2)
    #expect(try #require(record.recallAt20) > #require(record.randomRecallAt20))
  }

  @Test func theFirstEventDoesNotMakeItWorse() {
    let rig = rig()
    let before = means("cold", rig)
    rig.produce("u0", "cold")
    rig.settle()
    let after = means("cold", rig)
    #expect(after.even > 0.8 * before.even)
    #expect(after.even > 5 * abs(after.odd))
  }

  @Test func aDocumentThatComesLaterGivesAVectorAtOnceAndHidingWaits() {
    let rig = rig()
    rig.produceItem("late", #"{"item_id":"late","categories":["odd"]}"#)
    rig.produceItem("secret", #"{"item_id":"secret","categories":["odd"],"hidden":true}"#)
    rig.settle()
    let (even, odd) = means("late", rig)
    #expect(odd > 5 * abs(even))
    #expect(vector("secret", rig) == nil)
    rig.produceItem("secret", #"{"item_id":"secret","categories":["odd"]}"#)
    rig.settle()
    #expect(vector("secret", rig) != nil)
  }

  @Test func theMapSurvivesARestart() throws {
    let rig = rig()
    let map = try #require(rig.engine.model?.prior)
    rig.snapshot()
    try rig.restart()
    rig.settle()
    #expect(rig.engine.model?.prior == map)
    rig.produceItem("late", #"{"item_id":"late","categories":["odd"]}"#)
    rig.settle()
    #expect(vector("late", rig) != nil)
    #expect(rig.missing() == nil)
  }

  /// Categories that say nothing are not used.
  @Test func aMapThatKnowsNothingIsLeftOut() throws {
    let rig = LoopRig { $0.items.topic = LoopRig.itemTopic }
    var generator = SeededGenerator(seed: 42)
    var events: [Interaction] = []
    for user in 0..<120 {
      for _ in 0..<30 {
        let item = Int.random(in: 0..<250, using: &generator) * 2 + user % 2
        events.append(event("u\(user)", "i\(item)", time: 1_700_000_000_000 + Int64(events.count)))
      }
    }
    for item in 0..<500 { rig.produceItem("i\(item)", #"{"item_id":"i\#(item)","categories":["all"]}"#) }
    rig.start(events)
    let record = try #require(rig.loop.status.current.lastRetrain?.itemPrior)
    #expect(!record.isUsed)
    #expect(rig.engine.model?.prior == nil)
  }

  @Test func switchedOffNothingIsLearned() {
    let rig = rig { $0.items.prior = false }
    #expect(rig.engine.model?.prior == nil)
    #expect(vector("cold", rig) == nil)
  }

  @Test func theRidgeSolverSolvesItsEquation() {
    var generator = SeededGenerator(seed: 7)
    let (columns, factors) = (6, 3)
    let rows = (0..<40).map { _ in (0..<Int32(columns)).filter { _ in Bool.random(using: &generator) } }.filter { !$0.isEmpty }
    var targets = FactorMatrix(rows: rows.count, factors: factors)
    for row in rows.indices { targets.setRow(row, to: (0..<factors).map { _ in Float.random(in: -1...1, using: &generator) }) }
    let weights = RidgeSolver(rows: rows, columns: columns, factors: factors, regularization: 3).solve { targets[$0] }
    // The gradient of the loss is zero: F'(F W - Y) + lambda W = 0.
    for dimension in 0..<factors {
      var gradient = (0...columns).map { Double(($0 < columns ? 3 : 1e-3) * weights[$0 * factors + dimension]) }
      for (index, row) in rows.enumerated() {
        let all = row.map(Int.init) + [columns]
        let error = all.reduce(0.0) { $0 + Double(weights[$1 * factors + dimension]) } - Double(targets[index][dimension])
        for column in all { gradient[column] += error }
      }
      for value in gradient { #expect(abs(value) < 1e-2) }
    }
  }

  @Test func featuresOfDifferentFieldsDiffer() throws {
    let document = try ItemDocument(itemID: "a", title: "Red RED mug, 2 x", categories: ["red"], tags: ["red"])
    #expect(ItemPrior.features(of: document, titleWords: false) == ["cred", "tred"])
    #expect(ItemPrior.features(of: document, titleWords: true) == ["cred", "tred", "wred", "wmug"])
  }
}
