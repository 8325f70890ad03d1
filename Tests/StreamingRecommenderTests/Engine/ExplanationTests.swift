import Factorization
import RecommenderTestKit
import Testing

@testable import Pipeline

@testable import StreamingRecommender

@Suite struct ExplanationTests {
  private func rig() -> LoopRig {
    let rig = LoopRig {
      $0.model.trend = TrendRules()
      $0.model.transitions = TransitionRules()
      $0.publish.refresh = .zero
    }
    rig.start()
    for step in 0..<60 { rig.produce("u\(step % 9)", "i\(step * 7 % 17)") }
    rig.settle()
    return rig
  }

  @Test func thePartsAddUpToTheScoreOfTheList() throws {
    let rig = rig()
    var engine = rig.engine
    var explained = 0
    for user in engine.state.users.references.prefix(12) {
      let list = engine.refresh([user], EngineScratch(factors: 8))[0]
      for entry in list.items.prefix(list.filledFrom ?? .max) {
        let explanation = try #require(engine.explain(entry.item, for: user))
        #expect(abs(explanation.score - entry.score) < 1e-3 * max(1, abs(entry.score)))
        explained += explanation.interactions.count
      }
    }
    #expect(explained > 50)
  }

  @Test func theLargestPartsComeFirstAndUnknownItemsHaveNone() throws {
    let rig = rig()
    let user = try #require(rig.engine.state.users.find(Array("u0".utf8)))
    let item = try #require(rig.view.lists["u0"]?.items.first?.item)
    let number = try #require(rig.engine.state.catalogue.items.find(item.bytes))
    let explanation = try #require(rig.engine.explain(number, for: user))
    let sizes = explanation.interactions.map { abs($0.score) }
    #expect(sizes == sizes.sorted(by: >))
    #expect(!explanation.isSeen && !explanation.isHidden)
    #expect(rig.engine.explain(Int32(rig.engine.state.catalogue.items.capacity), for: user) == nil)
  }
}
