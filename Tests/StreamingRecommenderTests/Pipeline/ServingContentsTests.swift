import Factorization
import RecommenderTestKit
import ServingFormats
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// Rows, item packs and the trend: what a reader computes from them is what the engine lists.
@Suite struct ServingContentsTests {
  private func rig(_ change: @escaping (inout RecommenderConfiguration) -> Void = { _ in }) -> LoopRig {
    LoopRig {
      $0.publish.rows = true
      $0.model.trend = TrendRules()
      $0.model.transitions = TransitionRules()
      change(&$0)
    }
  }

  /// A reader's own computation, in plain loops.
  private func list(_ user: Identifier, _ view: InMemoryPublisher.View, n: Int) throws -> [RecommendedItem] {
    let row = try #require(view.rows[user])
    let trend = try #require(view.trend)
    let packs = try #require(view.packs[row.epoch])
    let hasTaste = row.factors.contains { $0 != 0 }
    var scored: [(number: Int32, item: RecommendedItem)] = []
    for number in packs.keys.sorted() {
      let pack = packs[number]!.pack
      var at = 0
      for (local, id) in pack.ids.enumerated() where pack.hasVector[local] {
        let item = pack.first + Int32(local)
        let vector = pack.vectors[at..<(at + pack.factors)]
        at += pack.factors
        guard !row.seen.contains(item) else { continue }
        var score = zip(row.factors, vector).reduce(0) { $0 + $1.0 * $1.1 }
        score += (hasTaste ? trend.weight : trend.weightWithoutTaste) * trend.accumulators[Int(item)]
        score += row.boosts.first { $0.item == item }?.score ?? 0
        scored.append((item, RecommendedItem(item: Identifier(id), score: score)))
      }
    }
    scored.sort { $0.item.score == $1.item.score ? $0.number < $1.number : $0.item.score > $1.item.score }
    return scored.prefix(n).map(\.item)
  }

  /// Every user's list is made again, so that all are of this moment.
  private func refreshAll(_ rig: LoopRig) {
    rig.loop.planner.sweep(users: 1000)
    for _ in 0..<200 where rig.loop.planner.sweepLeft > 0 { rig.run(1) }
    rig.settle()
  }

  private func expectEqualLists(_ rig: LoopRig) throws {
    refreshAll(rig)
    for (user, stored) in rig.view.lists {
      let own = Array(stored.items.prefix(stored.filledFrom ?? .max))
      let computed = try list(user, rig.view, n: own.count)
      #expect(computed.map(\.item) == own.map(\.item), "user \(user)")
      for (a, b) in zip(computed, own) { #expect(abs(a.score - b.score) <= 1e-5 * max(1, abs(b.score))) }
    }
  }

  @Test func aReaderComputesTheListsOfTheEngine() throws {
    let rig = rig()
    rig.start()
    for step in 0..<40 { rig.produce("u\(step % 7)", "i\(step * 5 % 19)") }
    rig.settle()
    #expect(rig.missing() == nil)
    try expectEqualLists(rig)
    #expect(rig.view.rows.values.contains { !$0.boosts.isEmpty })
    #expect(rig.view.model?.served?.packs == 1)
  }

  @Test func newItemsComeIntoThePacks() throws {
    let rig = rig()
    rig.start()
    for user in 0..<6 { rig.produce("u\(user)", "brand new") }
    rig.settle()
    rig.run(10)
    let pack = try #require(rig.view.packs[1]?[0]?.pack)
    #expect(pack.ids.contains(Array("brand new".utf8)))
    #expect(rig.engine.state.catalogue.items.capacity == pack.ids.count)
    try expectEqualLists(rig)
  }

  @Test func packsOfOldEpochsAreRemoved() {
    let rig = rig { $0.publish.vectors = false }
    rig.start()
    for _ in 0..<3 { rig.retrain() }
    #expect(rig.view.packs.keys.sorted() == [3, 4])
    #expect(rig.view.itemFactors.isEmpty)
    #expect(rig.view.items[4] != nil)
  }

  @Test func anEmptiedViewGetsEverythingAgain() throws {
    let rig = rig()
    rig.start()
    rig.publisher.wipe()
    rig.settle()
    rig.run(10)
    #expect(rig.missing() == nil)
    try expectEqualLists(rig)
  }

  @Test func afterARestartHighNumbersAreOnlyValidInNewValues() throws {
    let rig = rig()
    rig.start()
    let known = rig.engine.state.catalogue.items.capacity
    rig.snapshot()
    rig.produce("u1", "later")
    rig.settle()
    rig.clock.advance(by: .seconds(10))
    let died = rig.clock.wallMilliseconds
    try rig.restart()
    rig.settle()
    rig.produce("u2", "i1")
    rig.settle()
    rig.run(10)
    let trend = try #require(rig.view.trend)
    #expect(trend.numbersKept == known)
    #expect(trend.numbersSinceMilliseconds >= died)
    #expect(!trend.isValid(itemMax: Int32(known), madeAtMilliseconds: died - 1))
    #expect(trend.isValid(itemMax: Int32(known) - 1, madeAtMilliseconds: 0))
    #expect(rig.view.packs[1]?[0]?.pack.ids.contains(Array("later".utf8)) == true)
  }

  @Test func withoutRowsNothingOfThisIsWritten() {
    let rig = LoopRig()
    rig.start()
    #expect(rig.view.rows.isEmpty && rig.view.packs.isEmpty && rig.view.trend == nil && rig.view.model?.served == nil)
  }

  @Test func aForgottenUserHasNoRow() {
    let rig = rig()
    rig.start()
    #expect(rig.view.rows["u1"] != nil)
    rig.forget("u1")
    rig.settle()
    #expect(rig.view.rows["u1"] == nil)
  }
}
