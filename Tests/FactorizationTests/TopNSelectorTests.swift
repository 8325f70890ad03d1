import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct TopNSelectorTests {
  /// Around one lane, one panel (32 items) and one slice of panels (4096 items).
  @Test(arguments: Kernels.available, [1, 31, 32, 33, 500, 4096, 4097, 8500]) func theListEqualsAFullSort(kernels: Kernels, items: Int) {
    let example = SelectionCase(items: items, users: 5, seed: UInt64(items))
    let selector = TopNSelector(kernels: kernels)
    for n in [1, 10, 600] {
      #expect(selector.top(n, of: example.panels, for: example.queries) == example.sorted(n), "\(example.random), the best \(n)")
    }
  }

  /// Whole numbers: the order in which boosts are added does not show.
  @Test(arguments: Kernels.available, [33, 4097, 8500]) func boostsAddToTheScoresOfTheirItems(kernels: Kernels, items: Int) {
    let example = SelectionCase(items: items, users: 3, seed: UInt64(items))
    var random = example.random
    let queries = example.queries.map { query in
      var query = query
      query.boosts = (0..<500).map { _ in ScoredItem(item: Int32(random.below(UInt64(items + 40))), score: Float(random.below(8))) }
      return query
    }
    let lists = TopNSelector(kernels: kernels).top(50, of: example.panels, for: queries)
    for (user, query) in queries.enumerated() {
      var scores = (0..<items).map { example.score(user, $0) }
      for boost in query.boosts where Int(boost.item) < items { scores[Int(boost.item)] += boost.score }
      for item in query.excluded { scores[Int(item)] = -.infinity }
      let candidates = scores.indices.filter { scores[$0] > -.infinity }
      let sorted = candidates.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
      let expected = sorted.prefix(50).map { ScoredItem(item: Int32($0), score: scores[$0]) }
      #expect(lists[user] == expected, "\(random)")
    }
  }

  @Test(arguments: Kernels.available) func theLargestOfAnArrayEqualAFullSort(kernels: Kernels) {
    var random = SeededGenerator(seed: 9)
    let scores = (0..<1000).map { _ in Float(random.below(40)) - 10 }
    let positive = scores.indices.filter { scores[$0] > 0 }
    let expected = positive.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
    for n in [0, 1, 100, 2000] {
      let largest = TopNSelector.largest(n, of: scores, kernels: kernels)
      #expect(largest.map(\.item) == expected.prefix(n).map { Int32($0) })
    }
  }

  /// The squares of such numbers are zero in Float: a length of zero would close every block.
  @Test func vectorsTooSmallToBeSquaredAreRankedAll() {
    let items = FactorMatrix(rows: 3000, factors: 8, deviation: 1, seed: 3)
    let user = [Float](repeating: 1e-24, count: 8)
    let plain = (0..<3000).map { item in zip(user, items[item]).reduce(Float(0)) { $0 + $1.0 * $1.1 } }
    let list = user.withUnsafeBufferPointer { TopNSelector().top(5, of: ItemPanels(items), for: [.init(factors: $0)])[0] }
    #expect(list.map(\.item) == plain.indices.sorted { plain[$0] > plain[$1] }.prefix(5).map { Int32($0) })
  }

  @Test func noMoreItemsComeThanThereAre() {
    let example = SelectionCase(items: 7, users: 1, seed: 1)
    let query = TopNSelector.Query(factors: example.users[0], excluded: [2, 5])
    #expect(TopNSelector().top(20, of: example.panels, for: [query])[0].count == 5)
  }

  @Test func theBestNoneAreNone() {
    let example = SelectionCase(items: 7, users: 2, seed: 1)
    #expect(TopNSelector().top(0, of: example.panels, for: example.queries) == [[], []])
  }

  @Test func anEmptyCatalogueGivesEmptyLists() {
    let example = SelectionCase(items: 1, users: 2, seed: 1)
    #expect(TopNSelector().top(3, of: ItemPanels(factors: SelectionCase.factors), for: example.queries) == [[], []])
  }

  @Test func noQueriesGiveNoLists() {
    #expect(TopNSelector().top(3, of: ItemPanels(factors: 2), for: []).isEmpty)
  }

  @Test func whenAllItemsAreExcludedTheListIsEmpty() {
    let example = SelectionCase(items: 70, users: 1, seed: 1)
    let query = TopNSelector.Query(factors: example.users[0], excluded: (0..<70).map { Int32($0) })
    #expect(TopNSelector().top(3, of: example.panels, for: [query]) == [[]])
  }

  @Test func exclusionsTwiceOrBeyondTheCatalogueDoNoHarm() {
    let example = SelectionCase(items: 70, users: 1, seed: 1)
    let query = TopNSelector.Query(factors: example.users[0], excluded: [3, 3, 69, 70, 95, 96, 5000])
    let list = TopNSelector().top(100, of: example.panels, for: [query])[0]
    #expect(Set(list.map(\.item)) == Set(0..<70).subtracting([3, 69]))
  }

  @Test func theOrderOfExclusionsDoesNotMatter() {
    let users = FactorMatrix(rows: 1, factors: 2, seed: 1)
    let panels = ItemPanels(FactorMatrix(rows: 9000, factors: 2, seed: 1))
    let best = TopNSelector().top(3, of: panels, for: [.init(factors: users[0])])[0].map(\.item)
    for excluded in [[best[0], best[1]], [best[1], best[0]]] {
      #expect(TopNSelector().top(1, of: panels, for: [.init(factors: users[0], excluded: excluded)])[0].map(\.item) == [best[2]])
    }
  }

  /// Lengths that fall as popularity does, so that most blocks are left out for most users; biases and boosts that lift items of
  /// blocks that were left out.
  @Test(arguments: Kernels.available, 1...6 as ClosedRange<UInt64>) func leavingBlocksOutDoesNotShow(kernels: Kernels, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = 20_000
    var items = FactorMatrix(rows: count, factors: 24, deviation: 1, seedOfRow: { UInt64($0) &* 31 + seed })
    items.withMutablePointer { pointer in
      for item in 0..<count {
        let scale = 1 / (1 + Float(random.below(UInt64(count))) / 50)
        for dimension in 0..<24 { pointer[item * Kernels.padded(24) + dimension] *= scale }
      }
    }
    var panels = ItemPanels(items)
    for _ in 0..<300 { panels.setBias(Int(random.below(UInt64(count))), to: Float(random.below(100)) / 100) }
    let users = FactorMatrix(rows: 70, factors: 24, deviation: 0.5, seedOfRow: { UInt64($0) &* 17 + seed })
    let queries = (0..<70).map { user in
      TopNSelector.Query(
        factors: users[user], biasWeight: Float(user % 3),
        excluded: (0..<random.below(200)).map { _ in Int32(random.below(UInt64(count))) },
        boosts: (0..<random.below(300)).map { _ in
          ScoredItem(item: Int32(random.below(UInt64(count))), score: Float(random.below(100)) / 50)
        })
    }
    let selector = TopNSelector(kernels: kernels)
    let lists = selector.top(20, of: panels, for: queries)
    var scores: [Float] = []
    for (query, list) in zip(queries, lists) {
      selector.scores(of: panels, for: query, into: &scores)
      let all = (0..<count).map { ScoredItem(item: Int32($0), score: scores[panels.position($0)]) }
      #expect(list == Array(all.sorted(by: isBetter).prefix(20)), "\(random)")
    }
  }

  @Test func equalScoresComeInTheOrderOfTheItems() {
    let users = FactorMatrix(rows: 1, factors: 3, seed: 1)
    var panels = ItemPanels(factors: 3)
    panels.grow(toItems: 5000)
    let list = TopNSelector().top(40, of: panels, for: [.init(factors: users[0], excluded: [1, 4])])[0]
    #expect(list.map(\.item) == Array((0..<42).filter { ![1, 4].contains($0) }))
  }

  @Test(arguments: Kernels.available, [1, 2, 3, 15, 16, 17, 33]) func aBatchEqualsSingleQueries(kernels: Kernels, users: Int) {
    // Real numbers: the order of a sum would show.
    let items = FactorMatrix(rows: 300, factors: 21, seed: 3)
    let factors = FactorMatrix(rows: users, factors: 21, seed: 4)
    let panels = ItemPanels(items)
    let queries = (0..<users).map { TopNSelector.Query(factors: factors[$0], biasWeight: Float($0), excluded: [Int32($0)]) }
    let selector = TopNSelector(kernels: kernels)
    #expect(selector.top(10, of: panels, for: queries) == queries.map { selector.top(10, of: panels, for: [$0])[0] })
  }

  @Test func theListBeforeLeavesNoTrace() {
    let example = SelectionCase(items: 4100, users: 3, seed: 5)
    let small = SelectionCase(items: 5, users: 1, seed: 6)
    let selector = TopNSelector()
    _ = selector.top(50, of: example.panels, for: example.queries)
    #expect(selector.top(50, of: small.panels, for: small.queries) == small.sorted(50))
  }

  @Test func itemsWithNaNNeverCome() {
    var panels = ItemPanels(FactorMatrix(rows: 40, factors: 2, seed: 1))
    let user = FactorMatrix(rows: 1, factors: 2, seed: 2)
    panels.setBias(9, to: .nan)
    let list = TopNSelector().top(40, of: panels, for: [.init(factors: user[0], biasWeight: 1)])[0]
    #expect(list.count == 39)
    #expect(!list.contains { $0.item == 9 })
  }

  @Test(arguments: Kernels.available) func allScoresEqualPlainOnes(kernels: Kernels) {
    let example = SelectionCase(items: 70, users: 2, seed: 7)
    var scores: [Float] = []
    for (user, query) in example.queries.enumerated() {
      TopNSelector(kernels: kernels).scores(of: example.panels, for: query, into: &scores)
      let expected = (0..<70).map { query.excluded.contains(Int32($0)) ? -.infinity : example.score(user, $0) }
      #expect((0..<70).map { scores[example.panels.position($0)] } == expected, "\(example.random)")
    }
  }

  @Test func countAboveLooksAtTheFirstScoresOnly() {
    let counts = TopNSelector().countAbove(1, in: [3, 1, 0, 1, 2, 9, 1], count: 5)
    #expect(counts.greater == 2)
    #expect(counts.equal == 2)
  }
}

/// Whole numbers, so that scores are exact and many are equal; biases and exclusions for each user.
private struct SelectionCase {
  static let factors = 5
  var random: SeededGenerator
  let items: FactorMatrix
  let users: FactorMatrix
  let biases: [Float]
  let excluded: [[Int32]]
  let panels: ItemPanels

  init(items count: Int, users userCount: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    items = FactorMatrix(wholeRows: count, factors: Self.factors, &random)
    users = FactorMatrix(wholeRows: userCount, factors: Self.factors, &random)
    biases = random.wholeFloats(count, in: 0...4)
    excluded = (0..<userCount).map { user in (0..<Int32(count)).filter { _ in Int.random(in: 0...user, using: &random) > 1 } }
    var panels = ItemPanels(items)
    for (item, bias) in biases.enumerated() { panels.setBias(item, to: bias) }
    self.panels = panels
    self.random = random
  }

  func biasWeight(_ user: Int) -> Float { Float(user % 3) }

  var queries: [TopNSelector.Query] {
    (0..<users.rows).map { .init(factors: users[$0], biasWeight: biasWeight($0), excluded: excluded[$0]) }
  }

  func score(_ user: Int, _ item: Int) -> Float {
    zip(users[user], items[item]).reduce(biasWeight(user) * biases[item]) { $0 + $1.0 * $1.1 }
  }

  func sorted(_ n: Int) -> [[ScoredItem]] {
    (0..<users.rows).map { user in
      let left = Set(excluded[user])
      let all = (0..<items.rows).filter { !left.contains(Int32($0)) }.map { ScoredItem(item: Int32($0), score: score(user, $0)) }
      return Array(all.sorted(by: isBetter).prefix(n))
    }
  }
}
