import Factorization
import ItemMetadata
import RecommenderTestKit
import ServingFormats
import Testing

@testable import Gateway
@testable import StreamingRecommender

/// Lists that are computed from rows, packs and trend are those of the engine.
@Suite struct ScorerTests {
  private func taste(_ fixture: EngineFixture, _ list: FreshList) throws -> Taste {
    Taste(try UserRow(decoding: fixture.row(list).encoded()))
  }

  private func expectSame(_ own: [ListCandidate], _ list: FreshList, _ comment: Comment) {
    #expect(own.map(\.item) == list.items.map(\.item), comment)
    for (a, b) in zip(own, list.items) {
      #expect(abs(a.score - b.score) <= 1e-5 * max(1, abs(b.score)), comment)
    }
    for (place, entry) in own.enumerated() {
      let isFilled = list.filledFrom.map { place >= $0 } ?? false
      #expect(entry.source.rawValue == (isFilled ? "popular" : list.source.rawValue), comment)
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5]) func theGatewaysListIsTheEnginesList(seed: UInt64) throws {
    var fixture = EngineFixture(seed: seed)
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    for user in fixture.users {
      let list = fixture.list(user)
      let taste = try taste(fixture, list)
      expectSame(
        scorer.list(10, for: taste, excluded: [], seen: taste.seen, showsSeenWhenEmpty: true), list, "seed \(seed), user \(user)")
    }
  }

  /// Lists longer than the number of own candidates are filled; a user who has seen everything gets the popular items.
  @Test(arguments: [6, 7]) func filledListsAreTheEnginesToo(seed: UInt64) throws {
    var fixture = EngineFixture(seed: seed, users: 20, items: 30, events: 900, late: 400, foldsInNewItems: false) { $0.topN.n = 60 }
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    var filled = 0
    for user in fixture.users {
      let list = fixture.list(user)
      filled += list.filledFrom == nil ? 0 : 1
      let taste = try taste(fixture, list)
      expectSame(
        scorer.list(60, for: taste, excluded: [], seen: taste.seen, showsSeenWhenEmpty: true), list, "seed \(seed), user \(user)")
    }
    #expect(filled > 0)
  }

  /// Few candidates are gathered, many are scanned with a mask; both give what sorting all scores gives.
  @Test(arguments: [3, 9, 12, 40, 75]) func candidatesAgreeWithBruteForce(count: Int) throws {
    var fixture = EngineFixture(seed: 11)
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    var random = SeededGenerator(seed: UInt64(count))
    for user in fixture.users.prefix(20) {
      let taste = try taste(fixture, fixture.list(user))
      let candidates = Array((0..<Int32(matrix.items)).shuffled(using: &random).prefix(count)).sorted()
      let excluded = taste.seen
      let all = zip(candidates, scorer.scores(of: candidates, for: taste)).compactMap { item, score in
        excluded.contains(item) ? nil : score.map { ScoredItem(item: item, score: $0) }
      }
      let expected = all.sorted { $0.score == $1.score ? $0.item < $1.item : $0.score > $1.score }.prefix(7)
      let own = scorer.top(7, for: taste, excluded: excluded, among: .some(ItemSet(candidates)))
      #expect(own.map(\.item) == expected.map(\.item), "user \(user)")
      #expect(zip(own, expected).allSatisfy { abs($0.score - $1.score) < 1e-5 * max(1, abs($1.score)) })
    }
  }

  @Test func popularItemsOfAFilterAreSortedByCount() throws {
    let fixture = EngineFixture(seed: 12)
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    let candidates = (0..<Int32(matrix.items)).filter { $0 % 3 == 0 }
    let trend = fixture.trend
    let expected = candidates.filter { trend.decayedCount($0) > 0 && $0 != 3 }
      .sorted { trend.decayedCount($0) == trend.decayedCount($1) ? $0 < $1 : trend.decayedCount($0) > trend.decayedCount($1) }
    #expect(
      scorer.popular(5, excluded: [3], among: .some(ItemSet(candidates)), needsSupport: false).map(\.item) == Array(expected.prefix(5)))
    #expect(scorer.popular(6, excluded: [], needsSupport: false) == fixture.engine.popular(6))
  }

  /// From the zero vector: the trained row, which is the fold-in without recency.
  @Test func aVisitorsVectorIsTheFoldInOfTheEngine() throws {
    var fixture = EngineFixture(seed: 13) { $0.model.recency = nil }
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    let solver = RowSolver(parameters(of: fixture.served, factors: matrix.factors))
    for user in fixture.users.prefix(10) {
      let list = fixture.list(user)
      let row = fixture.row(list)
      guard row.isFoldedIn else { continue }
      let history = fixture.engine.state.users.history(user).pairs.map { (item: $0.item, weight: $0.strength) }
      let visitor = Taste(vector: [Float](repeating: 0, count: matrix.factors), seen: [], source: .context)
      let own = scorer.extended(visitor, by: history, solver).vector
      #expect(zip(own, row.factors).allSatisfy { abs($0 - $1) < 1e-4 }, "user \(user)")
    }
  }

  /// The exact solve knows the history; the lists of both agree for the most part, and the context moves the list.
  @Test func contextOnTopOfAVectorIsCloseToTheExactSolve() throws {
    var fixture = EngineFixture(seed: 14, users: 60, items: 120, events: 4_000) { $0.model.recency = nil }
    let matrix = try fixture.matrix()
    let scorer = Scorer(matrix, ScoringScratch())
    let solver = RowSolver(parameters(of: fixture.served, factors: matrix.factors))
    var (kept, keptWithout) = (0, 0)
    for user in fixture.users.prefix(30) {
      let taste = try taste(fixture, fixture.list(user))
      guard let context = (0..<Int32(matrix.items)).first(where: { matrix.hasVector($0) && !taste.seen.contains($0) }) else { continue }
      let history = fixture.engine.state.users.history(user).pairs.map { (item: $0.item, weight: $0.strength) }
      let zero = Taste(vector: [Float](repeating: 0, count: matrix.factors), seen: taste.seen, boosts: taste.boosts, source: .context)
      let exact = scorer.extended(zero, by: history + [(context, 6)], solver)
      let approximate = scorer.extended(taste, by: [(context, 6)], solver)
      func best(_ taste: Taste) -> Set<Int32> { Set(scorer.top(20, for: taste, excluded: taste.seen).map(\.item)) }
      kept += best(exact).intersection(best(approximate)).count
      keptWithout += best(exact).intersection(best(taste)).count
      #expect(approximate.source == .context)
    }
    #expect(kept > keptWithout)
    #expect(Double(kept) > 0.85 * 20 * 30)
  }

  private func parameters(of model: ServedModel, factors: Int) -> ALSParameters { model.parameters(factors: factors) }
}
