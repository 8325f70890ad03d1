import Factorization

/// Where candidates come from, as of one state of the engine.
///
/// Five sources propose items: the engine's own order, the factors alone, transitions, the trend, and the number of users. They are asked
/// in turn, so that each has its best in the candidates of every user.
package struct CandidateSources: Sendable {
  /// The most candidates of a user, and the most items that a source ranks.
  let count: Int
  /// Items that lists may name, those with the most recent events first.
  let trending: [Int32]
  /// Items that lists may name, those with the most users first.
  let popular: [Int32]

  /// - Parameter users: the number of users by item.
  package init(_ engine: RecommenderEngine, count: Int, users: [Int]) {
    precondition(count > 0, "count must be positive, got \(count)")
    self.count = count
    let trend = engine.state.catalogue.trend
    let items = (0..<Int32(engine.state.catalogue.items.capacity)).filter(engine.mayList)
    trending = Self.largest(items) { trend.accumulator($0) }
    popular = Self.largest(items) { Float(users[Int($0)]) }
  }

  /// Those above 0, the largest first.
  private static func largest(_ items: [Int32], _ number: (Int32) -> Float) -> [Int32] {
    items.map { ScoredItem(item: $0, score: number($0)) }.filter { $0.score > 0 }.sorted(by: isBefore).map(\.item)
  }

  /// As in lists: of equal ones, the item that came first.
  static func isBefore(_ a: ScoredItem, _ b: ScoredItem) -> Bool { a.score == b.score ? a.item < b.item : a.score > b.score }

  /// At most `count` items, those with the better places first.
  func inTurn(_ sources: [[Int32]]) -> [Int32] {
    var known: Set<Int32> = []
    var items: [Int32] = []
    for place in 0..<count {
      for source in sources where place < source.count {
        guard known.insert(source[place]).inserted else { continue }
        items.append(source[place])
        if items.count == count { return items }
      }
    }
    return items
  }
}

extension RecommenderEngine {
  /// Whether lists may name the item.
  func mayList(_ item: Int32) -> Bool { model?.hasVector(item) == true && !state.catalogue.hidden.contains(item) }

  /// The candidates of users whose vectors are current, for each user those with the highest scores first.
  package func candidates(of users: [UserReference], _ sources: CandidateSources, _ scratch: EngineScratch) -> [[Candidate]] {
    guard model != nil else { return users.map { _ in [] } }
    let ranking = self.ranking
    let shared = WorkerShared(scratch.selectors)
    return scratch.pool.map(count: users.count, chunk: 16) { range, worker in
      users[range].map { candidates(of: $0, ranking, sources, shared.value[worker]) }
    }
  }

  private func candidates(of user: UserReference, _ ranking: Ranking, _ sources: CandidateSources, _ selector: TopNSelector) -> [Candidate]
  {
    let seen = settings.excludeSeen ? state.users.seen(user) : []
    let found = state.users.withVector(user) { vector in
      let own = ranking.query(vector, seen: seen) { state.users.forEachNewestFirst(user, $0) }
      let plain = TopNSelector.Query(factors: vector, excluded: own.excluded)
      let lists = ranking.top(sources.count, [own, plain], selector).map { list in list.filter { mayList($0.item) } }
      let parts = ScoreParts(own, of: self)
      let orders = Orders(sources, own: lists[0], als: lists[1], parts, excluded: Set(seen), mayList: mayList)
      return orders.candidates(parts, sources)
    }
    return (found ?? []).sorted { $0.score == $1.score ? $0.item < $1.item : $0.score > $1.score }
  }
}

/// The parts of the scores of one user.
private struct ScoreParts {
  let vector: UnsafeBufferPointer<Float>
  let model: InstalledModel
  let trend: TrendCounter
  let trendWeight: Float
  /// By item; empty without transitions.
  let boosts: [Int32: Float]

  init(_ query: TopNSelector.Query, of engine: RecommenderEngine) {
    vector = query.factors
    model = engine.model!
    trend = engine.state.catalogue.trend
    trendWeight = query.biasWeight
    boosts = query.boosts.reduce(into: [:]) { $0[$1.item, default: 0] += $1.score }
  }

  func als(_ item: Int32) -> Float { zip(vector, model.itemFactors[Int(item)]).reduce(0) { $0 + $1.0 * $1.1 } }
  func trend(_ item: Int32) -> Float? { trendWeight == 0 ? nil : trendWeight * trend.accumulator(item) }
}

/// The items of each source for one user, the best first.
private struct Orders {
  let own: [ScoredItem]
  let als: [ScoredItem]
  let transitions: [Int32]
  let trend: [Int32]
  let popular: [Int32]

  init(
    _ sources: CandidateSources, own: [ScoredItem], als: [ScoredItem], _ parts: ScoreParts, excluded: Set<Int32>,
    mayList: (Int32) -> Bool
  ) {
    (self.own, self.als) = (own, als)
    let boosted = parts.boosts.map { ScoredItem(item: $0.key, score: $0.value) }
      .filter { $0.score > 0 && !excluded.contains($0.item) && mayList($0.item) }
    transitions = boosted.sorted(by: CandidateSources.isBefore).prefix(sources.count).map(\.item)
    trend = parts.trendWeight == 0 ? [] : Self.first(sources.count, of: sources.trending, without: excluded)
    popular = Self.first(sources.count, of: sources.popular, without: excluded)
  }

  private static func first(_ count: Int, of items: [Int32], without excluded: Set<Int32>) -> [Int32] {
    Array(items.lazy.filter { !excluded.contains($0) }.prefix(count))
  }

  func candidates(_ parts: ScoreParts, _ sources: CandidateSources) -> [Candidate] {
    let ranks = [own.map(\.item), als.map(\.item), transitions, trend, popular].map(Self.ranks)
    // The scores of lists are those that the lists were ordered by, to the last bit.
    let (ownScores, alsScores) = (Self.scores(own), Self.scores(als))
    return sources.inTurn([own.map(\.item), als.map(\.item), transitions, trend, popular]).map { item in
      let product = alsScores[item] ?? parts.als(item)
      let (boost, trend) = (parts.boosts[item], parts.trend(item))
      return Candidate(
        item: item, score: ownScores[item] ?? product + (trend ?? 0) + (boost ?? 0), rank: ranks[0][item], als: product,
        alsRank: ranks[1][item], transitions: boost, transitionsRank: ranks[2][item], trend: trend, trendRank: ranks[3][item],
        popularityRank: ranks[4][item])
    }
  }

  private static func ranks(_ items: [Int32]) -> [Int32: Int] {
    Dictionary(uniqueKeysWithValues: zip(items, 1...))
  }

  private static func scores(_ items: [ScoredItem]) -> [Int32: Float] {
    Dictionary(uniqueKeysWithValues: items.lazy.map { ($0.item, $0.score) })
  }
}
