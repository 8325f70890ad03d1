import Factorization

/// Memory for fold-in and top-N; the owner of the engine keeps one and lends it to each call.
public final class EngineScratch {
  let workspaces: [FoldIn.Workspace]
  let selectors: [TopNSelector]
  let pool: WorkerPool
  var scores: [Float] = []

  public init(factors: Int, workers: Int = 1) {
    workspaces = (0..<workers).map { _ in FoldIn.Workspace(factors: factors) }
    selectors = (0..<workers).map { _ in TopNSelector() }
    pool = WorkerPool(workers: workers)
  }
}

/// One user's fresh list in terms of indices.
public struct FreshList: Sendable {
  public var user: Int32
  public var items: [ScoredItem]
  public var source: RecommendationSource
}

extension RecommenderEngine {
  /// Solves the vectors of untrained items whose users changed. Returns the items; their vectors must reach readers before a list
  /// that names them.
  public mutating func refreshNewItems(max: Int = .max) -> [Int32] {
    guard model != nil, !changedNewItems.isEmpty else { return [] }
    let items = Array(changedNewItems.sorted().prefix(max))
    changedNewItems.subtract(items)
    for item in items { solveNewItem(item) }
    return items
  }

  /// An item from its newest users' served vectors (a user without one enters with the mean vector): the same row solve, with the
  /// sides exchanged and X'X as of the install.
  private mutating func solveNewItem(_ item: Int32) {
    guard let users = newItemUsers[item], !users.isEmpty else { return }
    guard let vector = vector(of: item, from: users) else {
      nonFiniteVectors += 1
      return
    }
    model!.setFoldedIn(item, to: vector)
    let known = panels.items
    panels.grow(toItems: Int(item) + 1)
    panels.set(Int(item), to: model!.itemFactors[Int(item)])
    if Int(item) < trend.accumulators.count { panels.setBias(Int(item), to: trend.accumulators[Int(item)]) }
    if Int(item) >= known {
      absentItems.append(contentsOf: (Int32(known)..<item).filter { !model!.hasVector($0) })
    } else {
      absentItems.removeAll { $0 == item }
    }
  }

  private func vector(of item: Int32, from users: [Int32]) -> [Float]? {
    guard let model else { return nil }
    var vectors = FactorMatrix(rows: users.count, factors: model.factors)
    for (row, user) in users.enumerated() { vectors.setRow(row, to: served.vector(user) ?? model.meanUser) }
    let side = RowSolver.Side(rows: vectors.pointer, gramian: model.userGramian, count: model.servedUsers)
    var row = [Float](repeating: 0, count: vectors.stride)
    let solved = users.map { store.strength($0, item) }.withUnsafeBufferPointer { strengths in
      RowSolver(settings.parameters).solve(
        indices: Array(0..<Int32(users.count)), strengths: strengths, side: side, into: &row,
        workspace: RowSolver.Workspace(factors: model.factors))
    }
    return solved ? Array(row[0..<model.factors]) : nil
  }

  /// Brings users up to date: a fold-in for each whose vector is not current, then exact top-N, over all of them at once.
  public mutating func refresh(_ users: [Int32], _ scratch: EngineScratch) -> [FreshList] {
    guard model != nil else { return [] }
    let solvedNow = bringUpToDate(users, scratch)
    return topN(users, scratch).map { user, items in
      let source: RecommendationSource = hasTaste(user) ? (solvedNow.contains(user) ? .foldin : .personal) : .popular
      return FreshList(user: user, items: items, source: source)
    }
  }

  /// A fold-in for each user whose vector is not current; returns those.
  @discardableResult
  mutating func bringUpToDate(_ users: [Int32], _ scratch: EngineScratch) -> Set<Int32> {
    let model = self.model!
    let stale = users.filter { served.state($0) != .current }
    guard !stale.isEmpty else { return [] }
    var rows = FactorMatrix(rows: stale.count, factors: model.factors)
    let stride = rows.stride
    let store = self.store
    let foldIn = settings.foldIn
    let context = UncheckedBox((scratch: scratch, failures: UnsafeMutablePointer<Bool>.allocate(capacity: stale.count)))
    defer { context.value.failures.deallocate() }
    rows.withMutablePointer { pointer in
      let output = UncheckedBox(pointer)
      scratch.pool.run(count: stale.count, chunk: 16) { range, worker in
        for index in range {
          context.value.failures[index] = !store.foldIn(
            stale[index], foldIn, model, into: output.value + index * stride, context.value.scratch.workspaces[worker])
        }
      }
    }
    for (index, user) in stale.enumerated() {
      if context.value.failures[index] { nonFiniteVectors += 1 }
      served.set(user, to: rows.pointer + index * stride)
    }
    return Set(stale)
  }

  /// Whether anything personal can be said: a user without history, with dislikes only or with items that have no vector has the zero
  /// vector, and gets the popular items.
  private func hasTaste(_ user: Int32) -> Bool { served.withVector(user) { $0.contains { $0 != 0 } } ?? false }

  private func topN(_ users: [Int32], _ scratch: EngineScratch) -> [(Int32, [ScoredItem])] {
    let bias = settings.trendWeight == 0 ? 0 : trend.coefficient(weight: settings.trendWeight)
    let biasWithoutTaste = settings.trendWeight == 0 ? trend.coefficient(weight: 1) : bias
    // Many users share one reading of the item factors; few are spread over the workers.
    let slice = users.count >= 64 * scratch.pool.workers ? 64 : 16
    let slots = UnsafeMutablePointer<[[ScoredItem]]>.allocate(capacity: (users.count + slice - 1) / slice)
    defer { slots.deallocate() }
    let context = UncheckedBox((scratch: scratch, slots: slots))
    let (served, panels) = (self.served, self.panels)
    scratch.pool.run(count: users.count, chunk: slice) { range, worker in
      var vectors: [[Float]] = []
      for index in range { vectors.append(served.vector(users[index])!) }
      let flat = vectors.flatMap { $0 }
      let lists = flat.withUnsafeBufferPointer { flat in
        let queries = range.map { index in
          let start = (index - range.lowerBound) * panels.factors
          return TopNSelector.Query(
            factors: UnsafeBufferPointer(rebasing: flat[start..<(start + panels.factors)]),
            biasWeight: hasTaste(users[index]) ? bias : biasWithoutTaste,
            excluded: excluded(users[index]), boosts: boosts(users[index]))
        }
        return context.value.scratch.selectors[worker].top(settings.n, of: panels, for: queries)
      }
      (context.value.slots + range.lowerBound / slice).initialize(to: lists)
    }
    var result: [(Int32, [ScoredItem])] = []
    result.reserveCapacity(users.count)
    for part in 0..<((users.count + slice - 1) / slice) {
      for list in (slots + part).move() { result.append((users[result.count], list)) }
    }
    return result
  }

  /// What a user's list leaves out.
  func excluded(_ user: Int32) -> [Int32] { (settings.excludeSeen ? store.seen(user) : []) + absentItems }

  /// Items by decayed count: the list for users that nobody knows.
  public func popular(_ n: Int) -> [ScoredItem] {
    TopNSelector.largest(n, of: trend.accumulators).map { ScoredItem(item: $0.item, score: trend.decayedCount($0.item)) }
  }

  /// A user's vector as readers see it.
  public func servedVector(_ user: Int32) -> [Float]? { served.vector(user) }

  public func isCurrent(_ user: Int32) -> Bool { served.state(user) == .current }
}

/// Sendable because the loop that uses it ends before the owner goes on, and each worker keeps to its own part.
struct UncheckedBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
