import CKernels

/// Exact maximum inner product over all items, for a batch of users at a time.
///
/// The order is total: higher score first, then lower item index.
public final class TopNSelector {
  /// One user's question.
  public struct Query {
    /// `factors` floats.
    public var factors: UnsafeBufferPointer<Float>
    /// Times the bias of each item.
    public var biasWeight: Float
    /// Items that must not come, ascending.
    public var excluded: [Int32]
    /// Added to the scores of single items, in any order; several of one item add up, in their order. The list is as exact with them.
    public var boosts: [ScoredItem]
    public init(
      factors: UnsafeBufferPointer<Float>, biasWeight: Float = 0, excluded: [Int32] = [], boosts: [ScoredItem] = []
    ) {
      self.factors = factors
      self.biasWeight = biasWeight
      self.excluded = excluded
      self.boosts = boosts
    }
  }

  private let kernels: Kernels
  /// Users scored together: their scores for one slice of the items stay in the cache.
  private static let usersAtOnce = 16
  private static let panelsAtOnce = 128
  private let scores = AlignedBuffer(count: TopNSelector.usersAtOnce * TopNSelector.panelsAtOnce * Kernels.panel)

  public init(kernels: Kernels = .best) { self.kernels = kernels }

  public func top(_ n: Int, of panels: ItemPanels, for queries: [Query]) -> [[ScoredItem]] {
    guard n > 0 else { return queries.map { _ in [] } }
    var result: [[ScoredItem]] = []
    result.reserveCapacity(queries.count)
    var first = 0
    while first < queries.count {
      let group = queries[first..<min(first + Self.usersAtOnce, queries.count)]
      result += topOfGroup(n, panels, group)
      first += Self.usersAtOnce
    }
    return result
  }

  private func topOfGroup(_ n: Int, _ panels: ItemPanels, _ group: ArraySlice<Query>) -> [[ScoredItem]] {
    let stride = panels.dimensions
    var users = [Float](repeating: 0, count: group.count * stride)
    let sliceItems = Self.panelsAtOnce * Kernels.panel
    var heaps = group.map { query in
      Heap(capacity: n, excluded: query.excluded, boosts: BoostsBySlice(query.boosts, items: panels.items, sliceItems: sliceItems))
    }
    for (index, query) in group.enumerated() {
      precondition(query.factors.count == panels.factors)
      for dimension in 0..<panels.factors { users[index * stride + dimension] = query.factors[dimension] }
      users[index * stride + panels.factors] = query.biasWeight
    }
    var panel = 0
    while panel < panels.panels {
      let count = min(Self.panelsAtOnce, panels.panels - panel)
      let firstItem = panel * Kernels.panel
      let items = min(count * Kernels.panel, panels.items - firstItem)
      kernels.table.pointee.score_panels(
        panels.pointer + panel * stride * Kernels.panel, Int32(count), Int32(stride), users, Int32(stride), Int32(group.count),
        scores.pointer, sliceItems)
      for index in 0..<group.count {
        heaps[index].offer(scores.pointer + index * sliceItems, items: items, firstItem: firstItem, kernels: kernels)
      }
      panel += count
    }
    return heaps.map { $0.sorted() }
  }

  /// The best entries so far of one user.
  private struct Heap {
    var scores: [Float]
    var items: [Int32]
    var entries: Int32 = 0
    let excluded: [Int32]
    var nextExcluded = 0
    let boosts: BoostsBySlice

    init(capacity: Int, excluded: [Int32], boosts: BoostsBySlice) {
      scores = [Float](repeating: 0, count: capacity)
      items = [Int32](repeating: 0, count: capacity)
      self.excluded = excluded
      self.boosts = boosts
    }

    mutating func offer(_ slice: UnsafeMutablePointer<Float>, items count: Int, firstItem: Int, kernels: Kernels) {
      boosts.add(to: slice, firstItem: firstItem)
      while nextExcluded < excluded.count, Int(excluded[nextExcluded]) < firstItem + count {
        let index = Int(excluded[nextExcluded]) - firstItem
        precondition(index >= 0, "excluded items must ascend, \(excluded[nextExcluded]) comes too late")
        slice[index] = -.infinity
        nextExcluded += 1
      }
      entries = kernels.table.pointee.select_top(
        slice, Int32(count), Int32(firstItem), &scores, &items, entries, Int32(scores.count))
    }

    func sorted() -> [ScoredItem] {
      (0..<Int(entries)).map { ScoredItem(item: items[$0], score: scores[$0]) }
        .sorted { ($0.score, $1.item) > ($1.score, $0.item) }
    }
  }

  /// Boosts in the order of the slices of items that are scored together (a counting sort: order within a slice is kept).
  private struct BoostsBySlice {
    private let boosts: [ScoredItem]
    /// Slice s holds boosts[starts[s] ..< starts[s + 1]].
    private let starts: [Int]
    private let sliceItems: Int

    init(_ boosts: [ScoredItem], items: Int, sliceItems: Int) {
      self.sliceItems = sliceItems
      let slices = (items + sliceItems - 1) / sliceItems
      guard !boosts.isEmpty, slices > 0 else {
        self.boosts = []
        starts = []
        return
      }
      var starts = [Int](repeating: 0, count: slices + 2)
      for boost in boosts where Int(boost.item) < items { starts[Int(boost.item) / sliceItems + 2] += 1 }
      for slice in 0..<slices { starts[slice + 2] += starts[slice + 1] }
      self.boosts = [ScoredItem](unsafeUninitializedCapacity: starts[slices + 1]) { sorted, count in
        for boost in boosts where Int(boost.item) < items {
          let slice = Int(boost.item) / sliceItems + 1
          sorted[starts[slice]] = boost
          starts[slice] += 1
        }
        count = starts[slices + 1]
      }
      self.starts = starts
    }

    func add(to slice: UnsafeMutablePointer<Float>, firstItem: Int) {
      guard !boosts.isEmpty else { return }
      let number = firstItem / sliceItems
      boosts.withUnsafeBufferPointer { boosts in
        for index in starts[number]..<starts[number + 1] { slice[Int(boosts[index].item) - firstItem] += boosts[index].score }
      }
    }
  }

  /// The `n` largest of `scores` above 0, by the order of the lists.
  public static func largest(_ n: Int, of scores: [Float], kernels: Kernels = .best) -> [ScoredItem] {
    guard n > 0 else { return [] }
    var heapScores = [Float](repeating: 0, count: n)
    var heapItems = [Int32](repeating: 0, count: n)
    let entries = kernels.table.pointee.select_top(scores, Int32(scores.count), 0, &heapScores, &heapItems, 0, Int32(n))
    return (0..<Int(entries)).lazy.map { ScoredItem(item: heapItems[$0], score: heapScores[$0]) }
      .filter { $0.score > 0 }.sorted { ($0.score, $1.item) > ($1.score, $0.item) }
  }

  /// All scores of one query (items beyond `panels.items` are not there); for evaluation.
  public func scores(of panels: ItemPanels, for query: Query, into scores: inout [Float]) {
    let stride = panels.dimensions
    let needed = panels.panels * Kernels.panel
    if scores.count < needed { scores = [Float](repeating: 0, count: needed) }
    var user = Array(query.factors)
    user.append(query.biasWeight)
    kernels.table.pointee.score_panels(
      panels.pointer, Int32(panels.panels), Int32(stride), user, Int32(stride), 1, &scores, needed)
  }

  /// How many of the first `count` scores are greater than and how many equal to `score`.
  public func countAbove(_ score: Float, in scores: [Float], count: Int) -> (greater: Int, equal: Int) {
    var greater: Int64 = 0
    var equal: Int64 = 0
    kernels.table.pointee.count_above(scores, Int32(count), score, &greater, &equal)
    return (Int(greater), Int(equal))
  }
}
