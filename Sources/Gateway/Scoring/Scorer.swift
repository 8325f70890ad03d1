import Factorization
import ItemMetadata
import ServingFormats
import StreamingRecommender

/// Computes exact lists from one generation of a matrix: the same scores, order and filling as the engine's.
///
/// score = vector x item vector + weight x trend + boosts, over items that have a vector. Popular items fill a list that is too short.
public struct Scorer {
  /// Candidates below this share of all items are gathered one by one; above it a scan of all items is faster.
  static let gatheredShare = 8

  public let matrix: ItemMatrix
  private let scratch: ScoringScratch

  public init(_ matrix: ItemMatrix, _ scratch: ScoringScratch) {
    self.matrix = matrix
    self.scratch = scratch
  }

  // MARK: Lists

  /// The best `n` items by vector, trend and boosts.
  ///
  /// - Parameter excluded: items that are no candidates, in any order. The taste's seen items are not excluded by themselves.
  public func top(_ n: Int, for taste: Taste, excluded: [Int32], among candidates: Candidates = .all) -> [ScoredItem] {
    guard n > 0 else { return [] }
    let weight = biasWeight(taste)
    return taste.vector.withUnsafeBufferPointer { vector in
      switch candidates {
      case .all:
        let query = TopNSelector.Query(
          factors: vector, biasWeight: weight, excluded: excluded + matrix.absent, boosts: taste.boosts.map { ScoredItem($0) })
        return scratch.selector.top(n, of: matrix.panels, for: [query])[0]
      case .some(let items) where items.count < matrix.items / Self.gatheredShare:
        return gathered(n, taste, vector, weight, excluded, items)
      case .some(let items):
        return masked(n, taste, vector, weight, excluded, items)
      }
    }
  }

  private func gathered(
    _ n: Int, _ taste: Taste, _ vector: UnsafeBufferPointer<Float>, _ weight: Float, _ excluded: [Int32], _ items: ItemSet
  ) -> [ScoredItem] {
    keep(items, without: excluded)
    var scores = scratch.candidates.scores(
      of: scratch.kept, in: matrix.rows, for: vector, biases: matrix.trend.blob.accumulators, biasWeight: weight)
    for boost in taste.boosts {
      if let at = scratch.kept.place(of: boost.item) { scores[at] += boost.score }
    }
    return CandidateSelector.top(n, scores: scores, of: scratch.kept)
  }

  private func masked(
    _ n: Int, _ taste: Taste, _ vector: UnsafeBufferPointer<Float>, _ weight: Float, _ excluded: [Int32], _ items: ItemSet
  ) -> [ScoredItem] {
    keep(items, without: excluded)
    let query = TopNSelector.Query(factors: vector, biasWeight: weight, boosts: taste.boosts.map { ScoredItem($0) })
    scratch.selector.scores(of: matrix.panels, for: query, into: &scratch.scores)
    scratch.compact.removeAll(keepingCapacity: true)
    for item in scratch.kept { scratch.compact.append(scratch.scores[matrix.panels.position(Int(item))]) }
    return CandidateSelector.top(n, scores: scratch.compact, of: scratch.kept)
  }

  /// Collects the items that have a vector and are not excluded.
  private func keep(_ items: ItemSet, without excluded: [Int32]) {
    for item in excluded { scratch.excluded.insert(item) }
    scratch.kept.removeAll(keepingCapacity: true)
    for item in items where matrix.hasVector(item) && !scratch.excluded.contains(item) { scratch.kept.append(item) }
    scratch.excluded.removeAll()
  }

  /// Coefficient of an item's accumulator in its score.
  private func biasWeight(_ taste: Taste) -> Float {
    taste.hasTaste ? matrix.trend.blob.weight : matrix.trend.blob.weightWithoutTaste
  }

  /// The best `n` items with their sources, filled with popular items: what the engine writes as the user's list.
  ///
  /// - Parameter showsExcludedWhenEmpty: where not even a popular item is left, the popular items with all that was excluded as seen.
  public func list(
    _ n: Int, for taste: Taste, excluded: [Int32], seen: [Int32] = [], among candidates: Candidates = .all,
    showsSeenWhenEmpty: Bool = false
  ) -> [ListCandidate] {
    let source = taste.hasTaste ? taste.source : .popular
    let own = top(n, for: taste, excluded: excluded + seen, among: candidates)
    var entries = own.map { ListCandidate(item: $0.item, score: $0.score, source: source) }
    guard entries.count < n else { return entries }
    let highest = own.last?.score ?? .infinity
    var filling = popular(n - own.count, excluded: excluded + seen + own.map(\.item), among: candidates)
    if own.isEmpty, filling.isEmpty, showsSeenWhenEmpty {
      filling = popular(n, excluded: excluded, among: candidates, needsSupport: false)
    }
    // Readers may sort by score, and the scores of the two parts have different units.
    entries += filling.map { ListCandidate(item: $0.item, score: min($0.score, highest), source: .popular) }
    return entries
  }

  /// The `n` most popular items by decayed count.
  ///
  /// - Parameter needsSupport: leaves out items of too few users, as in lists of persons.
  public func popular(
    _ n: Int, excluded: [Int32], among candidates: Candidates = .all, needsSupport: Bool = true
  ) -> [ScoredItem] {
    guard n > 0 else { return [] }
    for item in excluded { scratch.excluded.insert(item) }
    defer { scratch.excluded.removeAll() }
    func isEligible(_ item: Int32) -> Bool {
      !scratch.excluded.contains(item) && (!needsSupport || matrix.hasSupport(item)) && matrix.directory.id(item) != nil
    }
    let trend = matrix.trend
    if case .all = candidates {
      let first = trend.order.lazy.filter { isEligible($0.item) }.prefix(n)
      if first.count == n || trend.isOrderComplete { return Array(first) }
    }
    let counts = trend.blob.accumulators
    let pool = candidates.items ?? ItemSet(first: counts.count)
    scratch.kept.removeAll(keepingCapacity: true)
    for item in pool where Int(item) < counts.count && counts[Int(item)] > 0 && isEligible(item) { scratch.kept.append(item) }
    scratch.compact = scratch.kept.map { trend.blob.accumulators[Int($0)] }
    return CandidateSelector.top(n, scores: scratch.compact, of: scratch.kept).map {
      ScoredItem(item: $0.item, score: trend.blob.decayedCount($0.item))
    }
  }

  // MARK: Single items

  /// The scores of `items`, `nil` for those without a vector.
  public func scores(of items: [Int32], for taste: Taste) -> [Float?] {
    let known = items.filter { matrix.hasVector($0) }
    let values = taste.vector.withUnsafeBufferPointer {
      scratch.candidates.scores(
        of: known, in: matrix.rows, for: $0, biases: matrix.trend.blob.accumulators, biasWeight: biasWeight(taste))
    }
    var at = 0
    return items.map { item in
      guard matrix.hasVector(item) else { return nil }
      defer { at += 1 }
      let boost = taste.boosts.first { $0.item == item }
      return values[at] + (boost?.score ?? 0)
    }
  }

  /// The cosine of the vectors of two items; 0 where one has none.
  public func similarity(_ a: Int32, _ b: Int32) -> Float {
    guard matrix.hasVector(a), matrix.hasVector(b) else { return 0 }
    let (x, y) = (matrix.rows[Int(a)], matrix.rows[Int(b)])
    var (product, lengthX, lengthY) = (Float(0), Float(0), Float(0))
    for index in 0..<matrix.factors {
      product += x[index] * y[index]
      lengthX += x[index] * x[index]
      lengthY += y[index] * y[index]
    }
    let length = (lengthX * lengthY).squareRoot()
    return length > 0 ? product / length : 0
  }

  /// The items with the largest cosine to `item`, among those with enough users. The engine's own lists also shrink by the number of users,
  /// which packs do not hold.
  public func similar(_ n: Int, to item: Int32, excluded: [Int32], among candidates: Candidates) -> [ScoredItem] {
    guard matrix.hasVector(item) else { return [] }
    keep(candidates.items ?? ItemSet(first: matrix.items), without: excluded + [item])
    scratch.kept.removeAll { !matrix.hasSupport($0) }
    scratch.compact = scratch.kept.map { similarity(item, $0) }
    return CandidateSelector.top(n, scores: scratch.compact, of: scratch.kept).filter { $0.score > 0 }
  }

  // MARK: Taste from items

  /// The taste extended by weighted items.
  ///
  /// From the zero vector this is the engine's fold-in of a person with exactly these interactions. On top of a user's vector it is an
  /// approximation, because the weights of the user's own interactions are not known here.
  public func extended(_ taste: Taste, by items: [(item: Int32, weight: Float)], _ solver: RowSolver) -> Taste {
    let known = items.filter { matrix.hasVector($0.item) }
    guard !known.isEmpty else { return taste }
    var start = [Float](repeating: 0, count: matrix.rows.stride)
    for index in 0..<min(matrix.factors, taste.vector.count) { start[index] = taste.vector[index] }
    var row = start
    let indices = known.map(\.item)
    let isSolved = known.map(\.weight).withUnsafeBufferPointer { strengths in
      start.withUnsafeBufferPointer { start in
        solver.solve(
          indices: indices, strengths: strengths, side: matrix.side, for: .targetsAndPrior(start.baseAddress!), into: &row,
          workspace: scratch.workspace(factors: matrix.factors))
      }
    }
    guard isSolved else { return taste }
    var extended = taste
    extended.vector = Array(row[0..<matrix.factors])
    extended.source = .context
    return extended
  }
}

extension [Int32] {
  /// The index of an element in ascending numbers.
  fileprivate func place(of item: Int32) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < item { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == item ? low : nil
  }
}

extension ScoredItem {
  fileprivate init(_ boost: UserRow.Boost) { self.init(item: boost.item, score: boost.score) }
}
