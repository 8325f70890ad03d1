import RecommenderTestKit
import Telemetry
import Testing

@testable import Pipeline

@testable import StreamingRecommender

/// What a scrape of `/metrics` costs: nothing of it is proportional to the state.
@Suite struct ScrapeTests {
  private func rig(users: Int, items: Int) -> LoopRig {
    let rig = LoopRig()
    rig.start(checkerboard(users: users, items: items))
    // Later models are compared with the one before and remove vectors of an older one.
    for _ in 0..<3 { rig.retrain() }
    rig.snapshot()
    return rig
  }

  /// Names and labels of all lines, without their values.
  private func lines(_ page: String) -> [String] {
    page.split(separator: "\n").map { $0.hasPrefix("#") ? String($0) : String($0.prefix { $0 != " " }) }
  }

  @Test func thePageHasTheSameLinesWhateverTheState() {
    let small = rig(users: 40, items: 20)
    let large = rig(users: 1000, items: 60)
    #expect(large.engine.state.users.pairCount > 50 * small.engine.state.users.pairCount)
    let pages = [small, large].map { $0.loop.metrics.registry.render() }
    #expect(lines(pages[0]).difference(from: lines(pages[1])).map { "\($0)" } == [])
    #expect(lines(pages[0]).count > 200)
    #expect(pages[1].contains("freshet_users 1000\n") && pages[0].contains("freshet_users 40\n"))
  }

  /// The page is made from cells that the loop has written; the state is not asked, not even for a count.
  @Test func aScrapeDoesNotLookAtTheState() {
    let rig = rig(users: 40, items: 20)
    let page = rig.loop.metrics.registry.render()
    _ = rig.loop.engine.apply([batch([record(100_000, event("somebody new", "i1", time: 1_700_000_900_000))])])
    #expect(rig.engine.state.users.count == 41)
    #expect(rig.loop.metrics.registry.render() == page)
    rig.turn()
    #expect(rig.loop.metrics.registry.render().contains("freshet_users 41\n"))
  }
}
