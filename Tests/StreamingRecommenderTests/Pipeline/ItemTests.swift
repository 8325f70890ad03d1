import RecommenderTestKit
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// Documents of items: what may be listed, and the mirror in the view.
@Suite struct ItemTests {
  private func rig(_ change: @escaping (inout RecommenderConfiguration) -> Void = { _ in }) -> LoopRig {
    LoopRig {
      $0.items.topic = LoopRig.itemTopic
      change(&$0)
    }
  }

  private func listed(_ item: Identifier, _ rig: LoopRig) -> Int { rig.view.lists.values.count { $0.items.contains { $0.item == item } } }

  /// Sweeps at 1,000 users a second; a turn is 250 ms.
  private func sweep(_ rig: LoopRig) {
    for _ in 0..<100 where rig.loop.planner.sweepLeft > 0 { rig.run(1) }
    rig.settle()
    #expect(rig.loop.planner.sweepLeft == 0)
  }

  @Test func aHiddenItemLeavesEveryListAndComesBack() throws {
    let rig = rig()
    rig.start()
    let popular = try #require(rig.view.popular?.items.first?.item)
    #expect(listed(popular, rig) > 0)
    rig.produceItem(popular.string, #"{"item_id":"\#(popular)","hidden":true}"#)
    rig.settle()
    sweep(rig)
    #expect(listed(popular, rig) == 0)
    #expect(rig.view.popular?.items.contains { $0.item == popular } == false)
    #expect(rig.missing() == nil)
    // A live update does not bring it back, nor does a retrain.
    rig.produce("u0", "new")
    rig.settle()
    rig.retrain()
    #expect(listed(popular, rig) == 0)
    #expect(rig.view.similar.values.allSatisfy { !$0.items.contains { $0.item == popular } })
    rig.produceItem(popular.string, #"{"item_id":"\#(popular)"}"#)
    rig.settle()
    rig.retrain()
    #expect(listed(popular, rig) > 0)
  }

  @Test func datesHideAndShowItemsWhenTheyPass() {
    let rig = rig()
    rig.start()
    let item: Identifier = "i3"
    let until = rig.clock.wallMilliseconds + 60_000
    rig.produceItem("i3", #"{"item_id":"i3","available_until":\#(until)}"#)
    rig.settle()
    #expect(listed(item, rig) > 0)
    rig.clock.advance(by: .seconds(61))
    rig.run(2)
    sweep(rig)
    #expect(listed(item, rig) == 0)
  }

  @Test func aDeletedItemStaysAwayAfterARestartAndCompaction() throws {
    let rig = rig()
    rig.start()
    rig.produceItem("i3", #"{"item_id":"i3"}"#)
    rig.produceItem("i3", nil)
    rig.settle()
    sweep(rig)
    #expect(listed("i3", rig) == 0)
    rig.snapshot()
    // Compaction removes the tombstone, too, after a day.
    rig.log.recreate(LoopRig.itemTopic)
    try rig.restart()
    rig.settle()
    rig.retrain()
    #expect(listed("i3", rig) == 0)
    rig.produceItem("i3", #"{"item_id":"i3"}"#)
    rig.settle()
    rig.retrain()
    #expect(listed("i3", rig) > 0)
  }

  @Test func anItemThatIsHiddenBeforeItsFirstEventIsNeverListed() {
    let rig = rig()
    rig.produceItem("i3", #"{"item_id":"i3","hidden":true}"#)
    rig.start()
    #expect(listed("i3", rig) == 0)
    #expect(rig.view.popular?.items.contains { $0.item == "i3" } == false)
  }

  @Test func withoutTheTopicDeletedItemsAreListedAgain() throws {
    let rig = rig()
    rig.start()
    rig.produceItem("i3", nil)
    rig.settle()
    rig.snapshot()
    var configuration = rig.configuration
    configuration.items.topic = ""
    try rig.restart(configuration)
    rig.settle()
    rig.retrain()
    #expect(listed("i3", rig) > 0)
  }

  @Test func nothingIsPublishedBeforeTheTopicIsRead() {
    let rig = rig()
    for item in 0..<3_000 { rig.produceItem("x\(item)", #"{"item_id":"x\#(item)"}"#) }
    rig.produce(checkerboard())
    rig.turn(2)
    #expect(rig.publisher.applied.isEmpty)
    #expect(rig.loop.status.current.conditions.contains { $0.name == .items && $0.severity == .notReady })
    rig.settle()
    #expect(rig.view.documents.count == 3_000)
  }

  @Test func theViewMirrorsTheDocumentsAndGetsThemAgainWhenItIsEmptied() {
    let rig = rig()
    rig.start()
    rig.produceItem("i1", #"{"item_id":"i1","title":"One","price":2.5}"#)
    rig.produceItem("i2", #"{"item_id":"i2"}"#)
    rig.produceItem("i2", nil)
    rig.settle()
    let document = #"{"item_id":"i1","title":"One","properties":{"price":2.5}}"#
    #expect(rig.view.documents == ["i1": Array(document.utf8)])
    rig.publisher.wipe()
    rig.settle()
    #expect(rig.view.documents == ["i1": Array(document.utf8)])
  }

  @Test func badRecordsAreCountedAndDeadLetteredOnce() throws {
    let rig = rig()
    rig.start()
    rig.produceItem("i1", "{")
    rig.produceItem("i1", #"{"item_id":"i2"}"#)
    rig.produceItem("i4", #"{"item_id":"i4","hidden":"yes"}"#)
    rig.settle()
    #expect(Set(rig.letters.letters.map(\.reason)) == ["bad_json", "bad_id", "bad_value"])
    rig.snapshot()
    try rig.restart()
    rig.settle()
    #expect(rig.letters.letters.isEmpty)
    #expect(rig.missing() == nil)
  }
}
