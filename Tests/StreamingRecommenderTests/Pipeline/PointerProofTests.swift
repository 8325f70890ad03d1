import RecommenderTestKit
import Testing

@testable import StreamingRecommender

@Suite struct PointerProofTests {
  /// The view is emptied unnoticed while an epoch is rolled out; its pointer must not appear without its vectors.
  @Test(arguments: [true, false]) func pointerNeverAppearsWithoutItsVectors(itemsAreComplete: Bool) {
    let rig = LoopRig(viewIsSlow: true)
    rig.start(checkerboard(users: 40))
    let reached = rig.retrain(acknowledging: 8) { rig in
      switch rig.view.items[2] {
      case .complete: itemsAreComplete
      case .incomplete: !itemsAreComplete
      case nil: false
      }
    }
    #expect(reached)
    #expect(rig.view.model?.epoch == 1)
    rig.publisher.wipe(isNoticed: false)
    for _ in 0..<60 {
      rig.publisher.acknowledge(8)
      rig.turn()
      guard let pointer = rig.view.model else { continue }
      let vectors = rig.view.itemFactors.keys.filter { $0.epoch == pointer.epoch }.count
      #expect(vectors >= pointer.items, "epoch \(pointer.epoch) has \(vectors) of \(pointer.items) vectors")
    }
    rig.settle()
    #expect(rig.missing() == nil)
    #expect(rig.view.model?.epoch == 2)
  }

  @Test func withoutVectorsThePointerNeedsNoProof() {
    let rig = LoopRig { $0.publish.vectors = false }
    rig.start()
    #expect(rig.view.model?.epoch == 1)
    #expect(rig.view.items.isEmpty)
  }
}
