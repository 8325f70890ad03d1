import Factorization
import Testing

@testable import StreamingRecommender

/// What is proposed to a user, and what is said of it.
@Suite struct CandidateTests {
  private static let configuration = plainConfiguration {
    $0.model.trend = TrendRules()
    $0.model.transitions = TransitionRules()
    $0.topN.n = 6
  }

  private func candidates(
    _ engine: inout RecommenderEngine, count: Int = 6, of name: String? = nil
  ) -> [(user: UserReference, candidates: [Candidate])] {
    let users = name.flatMap { engine.user($0) }.map { [$0] } ?? engine.state.users.references
    let scratch = EngineScratch(factors: 8, workers: 2)
    engine.foldIn(users, scratch)
    let activities = engine.state.itemActivities(recentSince: 0)
    let sources = CandidateSources(engine, count: count, users: activities.map(\.interactions))
    return Array(zip(users, engine.candidates(of: users, sources, scratch)))
  }

  @Test func ranksAndScoresAreThoseOfTheEnginesLists() {
    var engine = trainedEngine(Self.configuration)
    var compared = 0
    for (user, candidates) in candidates(&engine) {
      let list = engine.refresh([user], EngineScratch(factors: 8))[0]
      for (place, entry) in list.items.enumerated() where place < list.filledFrom ?? .max {
        guard let found = candidates.first(where: { $0.item == entry.item }) else { continue }
        #expect(found.rank == place + 1 && found.score == entry.score)
        compared += 1
      }
      #expect(candidates.contains { $0.rank == 1 } && candidates.contains { $0.alsRank == 1 })
    }
    #expect(compared > 100)
  }

  @Test func thePartsAreThoseOfTheExplanationAndAddUpToTheScore() throws {
    var engine = trainedEngine(Self.configuration)
    var withTransitions = 0
    for (user, candidates) in candidates(&engine).prefix(10) {
      for found in candidates {
        let explanation = try #require(engine.explain(found.item, for: user))
        let tolerance = 1e-3 * max(1, abs(found.score))
        #expect(abs(found.als + (found.trend ?? 0) + (found.transitions ?? 0) - found.score) < tolerance)
        #expect(abs(explanation.score - found.score) < tolerance)
        #expect(abs(explanation.trend - (found.trend ?? 0)) < tolerance)
        let steps = explanation.transitions.reduce(0) { $0 + $1.score }
        #expect(abs(steps - (found.transitions ?? 0)) < tolerance && (steps != 0) == (found.transitions != nil))
        if found.transitions != nil { withTransitions += 1 }
      }
    }
    #expect(withTransitions > 10)
  }

  @Test func noCandidateIsSeenHiddenOrWithoutAVectorAndNoneComesTwice() throws {
    var engine = trainedEngine(Self.configuration)
    let hidden = try #require(engine.item("i3"))
    engine.state.catalogue.hidden = [hidden]
    engine.index.setBiases(engine.state.catalogue)
    _ = engine.apply([event("u0", "unknown-to-the-model", time: 1_700_000_900_000)])
    for (user, candidates) in candidates(&engine, count: 20) {
      let items = candidates.map(\.item)
      #expect(!items.isEmpty && Set(items).count == items.count)
      #expect(Set(items).isDisjoint(with: engine.state.users.seen(user)) && !items.contains(hidden))
      #expect(items.allSatisfy { engine.model?.hasVector($0) == true })
      #expect(candidates.map(\.score) == candidates.map(\.score).sorted(by: >))
    }
  }

  @Test func whatIsSwitchedOffSaysNothing() {
    var engine = trainedEngine(plainConfiguration())
    for (_, candidates) in candidates(&engine) {
      for found in candidates {
        #expect(found.transitions == nil && found.transitionsRank == nil && found.trend == nil && found.trendRank == nil)
        #expect(abs(found.score - found.als) < 1e-5)
      }
      #expect(candidates.contains { $0.popularityRank == 1 })
    }
  }

  @Test func sourcesAreAskedInTurn() {
    let engine = trainedEngine(plainConfiguration())
    let users = [Int](repeating: 1, count: engine.state.catalogue.items.capacity)
    let sources = CandidateSources(engine, count: 4, users: users)
    #expect(sources.inTurn([[1, 2, 3, 4], [1, 5], [], [6]]) == [1, 6, 2, 5])
    #expect(sources.inTurn([[1], [2]]) == [1, 2])
    #expect(CandidateSources(engine, count: 1, users: users).inTurn([[7, 8], [9]]) == [7])
  }

  @Test func withoutAModelThereAreNone() {
    var engine = RecommenderEngine(Self.configuration)
    _ = engine.apply(checkerboard())
    let sources = CandidateSources(engine, count: 5, users: [Int](repeating: 1, count: engine.state.catalogue.items.capacity))
    #expect(engine.candidates(of: [0, 1], sources, EngineScratch(factors: 8)) == [[], []])
  }

  @Test func activityCountsLivePairsAtTheTimeOfTheirNewestEvent() throws {
    var engine = RecommenderEngine(plainConfiguration())
    let time: Int64 = 1_700_000_000_000
    _ = engine.apply([
      event("u", "a", time: time), event("u", "b", time: time + 10), event("v", "a", time: time + 20), event("u", "a", time: time + 30),
      event("v", "c", time: time + 40),
    ])
    var delete = event("v", "c", time: time + 50)
    delete.operation = .delete
    _ = engine.apply([delete])
    let state = engine.state
    let user = state.activity(of: try #require(engine.user("u")), recentSince: time + 20)
    #expect(user.interactions == 2 && user.recent == 1)
    #expect(user.firstMilliseconds == time + 10 && user.lastMilliseconds == time + 30)
    let items = state.itemActivities(recentSince: time + 25)
    let a = items[Int(try #require(engine.item("a")))]
    #expect(a.interactions == 2 && a.recent == 1 && a.firstMilliseconds == time + 20 && a.lastMilliseconds == time + 30)
    #expect(items[Int(try #require(engine.item("c")))] == Activity())
  }
}
