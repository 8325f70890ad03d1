import Factorization

/// One user's newly computed list, by item index.
public struct FreshList: Sendable {
  public var user: UserReference
  public var items: [ScoredItem]
  public var source: RecommendationSource
  /// The place from which on popular items fill a list that the user's own items did not; `nil` if they did.
  public var filledFrom: Int?
}

extension RecommenderEngine {
  /// The ranking for the current state.
  var ranking: Ranking {
    Ranking(index, trend: state.catalogue.trend, transitions: state.catalogue.transitions, settings: settings)
  }

  /// Folds in each user whose vector is not current, then computes exact top-N lists for all given users in one batch.
  public mutating func refresh(_ users: [UserReference], _ scratch: EngineScratch) -> [FreshList] {
    let solved = foldIn(users, scratch)
    return lists(users, solvedNow: solved, scratch)
  }

  /// Folds in each user whose vector is not current and returns these users.
  @discardableResult
  package mutating func foldIn(_ users: [UserReference], _ scratch: EngineScratch) -> Set<UserReference> {
    let stale = users.filter { state.users.vectorState($0) != .current }
    guard !stale.isEmpty, let rows = solve(stale, scratch) else { return [] }
    nonFiniteVectors += rows.failures
    for (index, user) in stale.enumerated() { state.users.setVector(user, to: rows.factors.pointer + index * rows.factors.stride) }
    return Set(stale)
  }

  /// Computes the lists of users whose vectors are current; empty without a model.
  ///
  /// - Parameter solvedNow: users that were just folded in; their lists have the source `foldin` instead of `personal`.
  package func lists(_ users: [UserReference], solvedNow: Set<UserReference>, _ scratch: EngineScratch) -> [FreshList] {
    guard model != nil else { return [] }
    var lists = zip(users, topN(users, scratch)).map { user, items in
      let hasTaste = state.users.withVector(user, Ranking.hasTaste) ?? false
      return FreshList(user: user, items: items, source: hasTaste ? (solvedNow.contains(user) ? .foldin : .personal) : .popular)
    }
    fill(&lists)
    return lists
  }

  /// Fills lists that are too short with the popular items that the user has not seen, in the order of the popular list, without items
  /// of too few users. A list that stays empty becomes the popular list, seen items included, if the settings say so.
  private func fill(_ lists: inout [FreshList]) {
    let short = lists.indices.filter { lists[$0].items.count < settings.n }
    guard !short.isEmpty else { return }
    let seen = short.map { settings.excludeSeen ? state.users.seen(lists[$0].user) : [] }
    let candidates = popular(settings.n + short.indices.reduce(0) { max($0, seen[$1].count + lists[short[$1]].items.count) })
    for (place, at) in short.enumerated() {
      let own = lists[at].items
      let excluded = Set(seen[place]).union(own.map(\.item))
      var added = candidates.filter { !excluded.contains($0.item) && hasSupport($0.item) }.prefix(settings.n - own.count)
      if own.isEmpty, added.isEmpty, settings.showsPopularWhenEmpty { added = candidates.prefix(settings.n) }
      guard !added.isEmpty else { continue }
      if own.isEmpty { lists[at].source = .popular }
      lists[at].filledFrom = own.count
      // Readers may sort by score, and the scores of the two parts have different units.
      let highest = own.last?.score ?? .infinity
      lists[at].items += added.map { ScoredItem(item: $0.item, score: min($0.score, highest)) }
    }
  }

  /// Whether the item has enough users to be recommended to others.
  private func hasSupport(_ item: Int32) -> Bool { model.map { hasSupport(item, in: $0) } ?? false }

  func hasSupport(_ item: Int32, in model: InstalledModel) -> Bool {
    let trained = Int(item) < model.support.count ? Int(model.support[Int(item)]) : 0
    return max(trained, state.catalogue.newItems.users[item]?.count ?? 0) >= settings.minSupport
  }

  /// Solves one row per user by fold-in. A separate function, so that no copy of the state is alive when the vectors are set, which would
  /// trigger copy-on-write.
  private func solve(_ users: [UserReference], _ scratch: EngineScratch) -> (factors: FactorMatrix, failures: Int)? {
    guard let model else { return nil }
    var rows = FactorMatrix(rows: users.count, factors: model.factors)
    let stride = rows.stride
    let all = state.users
    let foldIn = settings.foldIn
    let solved = rows.withMutablePointer { pointer in
      let shared = WorkerShared((workspaces: scratch.workspaces, rows: pointer))
      return scratch.pool.map(count: users.count, chunk: 16) { range, worker in
        range.map { index in
          all.foldIn(users[index], foldIn, model, into: shared.value.rows + index * stride, shared.value.workspaces[worker])
        }
      }
    }
    return (rows, solved.count { !$0 })
  }

  private func topN(_ users: [UserReference], _ scratch: EngineScratch) -> [[ScoredItem]] {
    // Large batches share one pass over the item factors; small ones are spread over the workers.
    let slice = users.count >= 64 * scratch.pool.workers ? 64 : 16
    let ranking = self.ranking
    let all = state.users
    let factors = settings.parameters.factors
    let shared = WorkerShared(scratch.selectors)
    return scratch.pool.map(count: users.count, chunk: slice) { range, worker in
      var flat: [Float] = []
      flat.reserveCapacity(range.count * factors)
      for index in range {
        let vector: Void? = all.withVector(users[index]) { flat.append(contentsOf: $0) }
        precondition(vector != nil, "cannot make a list for a user without a vector")
      }
      return flat.withUnsafeBufferPointer { flat in
        let queries = range.map { index in
          let start = (index - range.lowerBound) * factors
          let vector = UnsafeBufferPointer(rebasing: flat[start..<(start + factors)])
          return ranking.query(vector, seen: all.seen(users[index])) { all.forEachNewestFirst(users[index], $0) }
        }
        return ranking.top(settings.n, queries, shared.value[worker])
      }
    }
  }

  /// Rank of an item for a user among all items seen so far: how many items score higher and how many score the same.
  ///
  /// - Parameters:
  ///   - item: `nil` for an item that has never been seen; it scores 0.
  ///   - user: `nil` for an unknown user, for whom items are ranked by decayed count.
  ///   - excluded: items that are not candidates. `item` itself is always a candidate.
  public mutating func rank(of item: Int32?, for user: UserReference?, excluded: [Int32], _ scratch: EngineScratch)
    -> (better: Int, ties: Int)
  {
    var vector = [Float](repeating: 0, count: settings.parameters.factors)
    if let user, model != nil {
      foldIn([user], scratch)
      vector = state.users.vector(user) ?? vector
    }
    return vector.withUnsafeBufferPointer { vector in
      ranking.place(
        of: item, vector: vector, excluded: excluded, trend: state.catalogue.trend, count: state.catalogue.items.capacity, scratch
      ) { body in
        if let user { state.users.forEachNewestFirst(user, body) }
      }
    }
  }

  /// The `n` most popular items by decayed count; the fallback list for unknown users.
  public func popular(_ n: Int) -> [ScoredItem] { state.catalogue.popular(n) }

  /// The similar items of the live model; `nil` without one. A training has prepared them; otherwise, the cost is proportional to the
  /// number of items.
  package mutating func takeSimilarItems() -> SimilarItems? {
    guard let model else { return nil }
    var similar =
      preparedSimilarItems
      ?? SimilarItems(model.itemFactors, absent: model.absentItems, support: model.support, shrinkage: settings.similarShrinkage)
    preparedSimilarItems = nil
    for item in model.foldedInItems {
      similar.set(item, to: model.itemFactors[Int(item)], users: state.catalogue.newItems.users[item]?.count ?? 0)
    }
    similar.hide(state.catalogue.hidden)
    return similar
  }

  // MARK: Fold-in of new items

  /// Folds in untrained items whose users changed and returns them. Their vectors must be published before any list that contains them.
  public mutating func refreshNewItems(max: Int = .max) -> [Int32] {
    guard model != nil, state.catalogue.newItems.isVectorDue || !documentedItems.isEmpty else { return [] }
    for id in documentedItems.take(max) { enqueueItem(id) }
    let items = state.catalogue.newItems.takeDue(max)
    for item in items { solveNewItem(item) }
    return items
  }

  /// Folds in an item from the vectors of its newest users (the mean vector for a user without one), starting from what its document
  /// says. Uses the row solve with the sides
  /// exchanged and X'X as of the installation of the model.
  private mutating func solveNewItem(_ item: Int32) {
    let users = state.catalogue.newItems.users[item] ?? []
    let prior = priorVector(of: item)
    guard !users.isEmpty || prior != nil, model?.isTrained(item) == false else { return }
    guard let vector = vector(of: item, from: users, prior) else {
      nonFiniteVectors += 1
      return
    }
    model!.setFoldedIn(item, to: vector)
    index.set(item, to: model!.itemFactors[Int(item)], bias: state.catalogue.bias(item))
  }

  private func vector(of item: Int32, from users: [UserReference], _ prior: [Float]?) -> [Float]? {
    guard let model else { return nil }
    var vectors = FactorMatrix(rows: users.count, factors: model.factors)
    for (row, user) in users.enumerated() { vectors.setRow(row, to: state.users.vector(user) ?? model.meanUser) }
    let side = RowSolver.Side(rows: vectors.pointer, gramian: model.userGramian, count: model.servedUsers)
    var row = [Float](repeating: 0, count: vectors.stride)
    let solved = users.map { state.users.strength($0, item) }.withUnsafeBufferPointer { strengths in
      let solver = RowSolver(settings.parameters)
      let workspace = RowSolver.Workspace(factors: model.factors)
      let indices = Array(0..<Int32(users.count))
      guard let prior else { return solver.solve(indices: indices, strengths: strengths, side: side, into: &row, workspace: workspace) }
      return prior.withUnsafeBufferPointer { prior in
        solver.solve(
          indices: indices, strengths: strengths, side: side, for: .targetsAndPrior(prior.baseAddress!), into: &row, workspace: workspace)
      }
    }
    return solved ? Array(row[0..<model.factors]) : nil
  }

  // MARK: What a list is published with

  /// Returns the live or the pending model with this epoch.
  package func model(epoch: UInt32) -> InstalledModel? {
    if let pending, pending.model.epoch == epoch { return pending.model }
    return model?.epoch == epoch ? model : nil
  }

  /// Returns the partition whose offset is the version of the user's list: the partition of the user's newest event.
  package func source(of user: UserReference) -> TopicPartition {
    let newest = state.users.history(user).pairs.last.flatMap { state.topics.topicPartition($0.order.partition) }
    return newest ?? TopicPartition(topic: settings.topics[0], partition: user.partition)
  }
}
