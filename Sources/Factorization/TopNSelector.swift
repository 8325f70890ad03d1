import CKernels

/// Exact maximum inner product search over all items, for batches of users.
///
/// Results are ordered by descending score, then by ascending item index. Blocks of items whose score bound is below the list of a user
/// are skipped (|x.y| <= |x||y|, the bound of LEMP, Teflioudi et al., 2015); this does not change the result.
public final class TopNSelector {
  /// The query of one user.
  public struct Query {
    /// The user vector, `factors` floats.
    public var factors: UnsafeBufferPointer<Float>
    /// Coefficient of the bias of each item.
    public var biasWeight: Float
    /// Items to exclude from the list.
    public var excluded: [Int32]
    /// Boosts added to the scores of single items. Several boosts of one item are summed in order. The list stays exact.
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
  /// Number of users scored together, so that the scores of one slice of items stay in the cache.
  private static let usersAtOnce = 64
  private let scores = AlignedBuffer(count: TopNSelector.usersAtOnce * Slices.itemsMax)
  private var sums = AdjustmentSums()

  public init(kernels: Kernels = .best) { self.kernels = kernels }

  /// The lists of all queries, each with at most `n` items in list order.
  public func top(_ n: Int, of panels: ItemPanels, for queries: [Query]) -> [[ScoredItem]] {
    guard n > 0 else { return queries.map { _ in [] } }
    var result: [[ScoredItem]] = []
    result.reserveCapacity(queries.count)
    var first = 0
    while first < queries.count {
      result += topOfGroup(n, panels, queries[first..<min(first + Self.usersAtOnce, queries.count)])
      first += Self.usersAtOnce
    }
    return result
  }

  private func topOfGroup(_ n: Int, _ panels: ItemPanels, _ group: ArraySlice<Query>) -> [[ScoredItem]] {
    let stride = panels.dimensions
    let users = AlignedBuffer(count: group.count * stride)
    let openUsers = AlignedBuffer(count: group.count * stride)
    let slices = Slices(panels)
    var searches: [Search] = []
    searches.reserveCapacity(group.count)
    for (index, query) in group.enumerated() {
      fill(users.pointer + index * stride, query, panels)
      searches.append(Search(query, n, panels, slices, &sums))
    }
    var open: [Int] = []
    panels.itemsByPosition.withUnsafeBufferPointer { items in
      for slice in 0..<slices.count {
        open.removeAll(keepingCapacity: true)
        for index in searches.indices where searches[index].canGain(from: slices, slice) { open.append(index) }
        guard !open.isEmpty else { continue }
        let isEverybody = open.count == searches.count
        if !isEverybody {
          for (row, index) in open.enumerated() {
            (openUsers.pointer + row * stride).update(from: users.pointer + index * stride, count: stride)
          }
        }
        let positions = slices.positions(slice)
        kernels.table.pointee.score_panels(
          panels.pointer + slices.firstPanel(slice) * stride * Kernels.panel, Int32(slices.panels(slice)), Int32(stride),
          isEverybody ? users.pointer : openUsers.pointer, Int32(stride), Int32(open.count), scores.pointer, Slices.itemsMax)
        for (row, index) in open.enumerated() {
          searches[index].offer(scores.pointer + row * Slices.itemsMax, positions, slice, items, kernels)
        }
      }
      for index in searches.indices { finish(&searches[index], users.pointer + index * stride, panels, slices, items) }
    }
    return searches.map { $0.sorted() }
  }

  private func fill(_ user: UnsafeMutablePointer<Float>, _ query: Query, _ panels: ItemPanels) {
    precondition(query.factors.count == panels.factors, "\(query.factors.count) values for \(panels.factors) factors")
    for dimension in 0..<panels.factors { user[dimension] = query.factors[dimension] }
    user[panels.factors] = query.biasWeight
  }

  /// Scores the boosted items of skipped slices, because a boost can lift them into the list.
  private func finish(
    _ search: inout Search, _ user: UnsafePointer<Float>, _ panels: ItemPanels, _ slices: Slices, _ items: UnsafeBufferPointer<Int32>
  ) {
    for slice in search.skipped {
      let bound = search.bound(slices, slice)
      for adjustment in search.adjustments(in: slice) where adjustment.add > 0 && search.canReach(bound, boost: adjustment.add) {
        let panel = Int(adjustment.position) / Kernels.panel
        kernels.table.pointee.score_panels(
          panels.pointer + panel * panels.dimensions * Kernels.panel, 1, Int32(panels.dimensions), user, Int32(panels.dimensions), 1,
          scores.pointer, Slices.itemsMax)
        scores.pointer[0] = scores.pointer[Int(adjustment.position) % Kernels.panel] + adjustment.add
        search.offer(scores.pointer, 1, items.baseAddress! + Int(adjustment.position), kernels)
      }
    }
  }

  /// Computes all scores of one query, stored at `ItemPanels.position` of each item, with boosts added and excluded items at minus
  /// infinity.
  public func scores(of panels: ItemPanels, for query: Query, into scores: inout [Float]) {
    let stride = panels.dimensions
    let needed = panels.panels * Kernels.panel
    if scores.count < needed { scores = [Float](repeating: 0, count: needed) }
    var user = [Float](repeating: 0, count: stride)
    fill(&user, query, panels)
    kernels.table.pointee.score_panels(
      panels.pointer, Int32(panels.panels), Int32(stride), user, Int32(stride), 1, &scores, needed)
    for adjustment in sums.adjustments(of: query, panels) { scores[Int(adjustment.position)] += adjustment.add }
  }

  /// Counts how many of the first `count` scores are greater than `score`, and how many are equal.
  public func countAbove(_ score: Float, in scores: [Float], count: Int) -> (greater: Int, equal: Int) {
    var greater: Int64 = 0
    var equal: Int64 = 0
    kernels.table.pointee.count_above(scores, Int32(count), score, &greater, &equal)
    return (Int(greater), Int(equal))
  }

  /// The `n` largest positive elements of `scores`, in list order.
  public static func largest(_ n: Int, of scores: [Float], kernels: Kernels = .best) -> [ScoredItem] {
    guard n > 0 else { return [] }
    var heap = Heap(capacity: n)
    scores.withUnsafeBufferPointer { heap.offer($0.baseAddress, scores.count, items: nil, kernels) }
    return heap.sorted().filter { $0.score > 0 }
  }
}

/// Slices of items that are scored together, in whole blocks of `ItemPanels`. The first slices are small, to fill the lists early.
private struct Slices {
  static let blocksMax = 4
  static let itemsMax = blocksMax * ItemPanels.blockItems
  private static let smallSlices = 32

  let count: Int
  private let panels: ItemPanels

  init(_ panels: ItemPanels) {
    self.panels = panels
    let blocks = panels.lengthBounds.count
    count = blocks <= Self.smallSlices ? blocks : Self.smallSlices + (blocks - Self.smallSlices + Self.blocksMax - 1) / Self.blocksMax
  }

  private func blocks(_ slice: Int) -> Range<Int> {
    guard slice >= Self.smallSlices else { return slice..<(slice + 1) }
    let first = Self.smallSlices + (slice - Self.smallSlices) * Self.blocksMax
    return first..<min(first + Self.blocksMax, panels.lengthBounds.count)
  }

  func slice(ofPosition position: Int) -> Int {
    let block = position / ItemPanels.blockItems
    return block < Self.smallSlices ? block : Self.smallSlices + (block - Self.smallSlices) / Self.blocksMax
  }

  func firstPanel(_ slice: Int) -> Int { blocks(slice).lowerBound * ItemPanels.blockPanels }
  func panels(_ slice: Int) -> Int { min(blocks(slice).upperBound * ItemPanels.blockPanels, panels.panels) - firstPanel(slice) }
  func positions(_ slice: Int) -> Range<Int> {
    let first = blocks(slice).lowerBound * ItemPanels.blockItems
    return first..<min(blocks(slice).upperBound * ItemPanels.blockItems, panels.items)
  }

  /// Upper bound of the scores in the slice, without boosts.
  func bound(_ slice: Int, length: Float, biasWeight: Float) -> Float {
    var bound: Float = -.infinity
    for block in blocks(slice) {
      let ofBlock = length * panels.lengthBounds[block] + biasWeight * panels.biasBounds[block]
      if ofBlock.isNaN { return .infinity }
      bound = max(bound, ofBlock)
    }
    return bound
  }
}

/// A value added to the score of the item at a position.
private struct Adjustment {
  var position: Int32
  var add: Float
}

/// Sums the boosts of a query per item; excluded items get minus infinity.
private struct AdjustmentSums {
  private var sums: [Float] = []

  mutating func adjustments(of query: TopNSelector.Query, _ panels: ItemPanels) -> [Adjustment] {
    let count = query.boosts.count + query.excluded.count
    guard count > 0 else { return [] }
    if sums.count < panels.items { sums.append(contentsOf: repeatElement(0, count: panels.items - sums.count)) }
    return sums.withUnsafeMutableBufferPointer { sums in
      panels.withPositions { positions in
        [Adjustment](unsafeUninitializedCapacity: count) { result, used in
          var touched = 0
          func add(_ value: Float, to item: Int32) {
            guard Int(item) < positions.count else { return }
            let position = Int(positions[Int(item)])
            if sums[position] == 0 {
              result.initializeElement(at: touched, to: Adjustment(position: Int32(position), add: 0))
              touched += 1
            }
            sums[position] += value
          }
          for boost in query.boosts { add(boost.score, to: boost.item) }
          for item in query.excluded { add(-.infinity, to: item) }
          for index in 0..<touched {
            let position = Int(result[index].position)
            result[index].add = sums[position]
            sums[position] = 0
          }
          used = touched
        }
      }
    }
  }
}

/// The search for the list of one user.
private struct Search {
  private var heap: Heap
  private let length: Float
  private let biasWeight: Float
  /// Tolerance for rounding: a computed score may exceed its bound by this much.
  private let slack: Float
  /// Adjustments ordered by slice; those of slice s are starts[s] ..< starts[s + 1].
  private let adjustments: [Adjustment]
  private let starts: [Int]
  /// Slices that were skipped.
  private(set) var skipped: [Int] = []

  init(_ query: TopNSelector.Query, _ n: Int, _ panels: ItemPanels, _ slices: Slices, _ sums: inout AdjustmentSums) {
    heap = Heap(capacity: n)
    length = ItemPanels.length(query.factors)
    biasWeight = query.biasWeight
    slack = Float(panels.dimensions + 8) * .ulpOfOne
    let unsorted = sums.adjustments(of: query, panels)
    // Counting sort by slice.
    var starts = [Int](repeating: 0, count: slices.count + 2)
    for adjustment in unsorted { starts[slices.slice(ofPosition: Int(adjustment.position)) + 2] += 1 }
    for slice in 0..<slices.count { starts[slice + 2] += starts[slice + 1] }
    adjustments = [Adjustment](unsafeUninitializedCapacity: unsorted.count) { sorted, count in
      for adjustment in unsorted {
        let slice = slices.slice(ofPosition: Int(adjustment.position)) + 1
        sorted[starts[slice]] = adjustment
        starts[slice] += 1
      }
      count = unsorted.count
    }
    self.starts = starts
  }

  func adjustments(in slice: Int) -> ArraySlice<Adjustment> { adjustments[starts[slice]..<starts[slice + 1]] }

  /// Upper bound of the scores in the slice, without boosts.
  func bound(_ slices: Slices, _ slice: Int) -> Float {
    biasWeight >= 0 ? slices.bound(slice, length: length, biasWeight: biasWeight) : .infinity
  }

  /// Whether a score of at most `bound`, plus `boost`, could enter the list. Written so that NaN returns true.
  func canReach(_ bound: Float, boost: Float) -> Bool {
    guard let lowest = heap.lowest else { return true }
    return !(bound + boost + slack * (abs(bound) + boost) < lowest)
  }

  /// Whether an item of the slice could enter the list without a boost. If not, the slice is recorded as skipped.
  mutating func canGain(from slices: Slices, _ slice: Int) -> Bool {
    if heap.lowest == nil || canReach(bound(slices, slice), boost: 0) { return true }
    skipped.append(slice)
    return false
  }

  mutating func offer(
    _ scores: UnsafeMutablePointer<Float>, _ positions: Range<Int>, _ slice: Int, _ items: UnsafeBufferPointer<Int32>, _ kernels: Kernels
  ) {
    for adjustment in adjustments(in: slice) { scores[Int(adjustment.position) - positions.lowerBound] += adjustment.add }
    offer(scores, positions.count, items.baseAddress! + positions.lowerBound, kernels)
  }

  mutating func offer(_ scores: UnsafeMutablePointer<Float>, _ count: Int, _ items: UnsafePointer<Int32>, _ kernels: Kernels) {
    heap.offer(scores, count, items: items, kernels)
  }

  func sorted() -> [ScoredItem] { heap.sorted() }
}

/// A min-heap of the best entries so far.
private struct Heap {
  private var scores: [Float]
  private var items: [Int32]
  private var entries: Int32 = 0

  init(capacity: Int) {
    scores = [Float](repeating: 0, count: capacity)
    items = [Int32](repeating: 0, count: capacity)
  }

  /// The lowest score of a full heap; `nil` if the heap is not full.
  var lowest: Float? { Int(entries) == scores.count ? scores[0] : nil }

  mutating func offer(_ candidates: UnsafePointer<Float>?, _ count: Int, items ids: UnsafePointer<Int32>?, _ kernels: Kernels) {
    entries = kernels.table.pointee.select_top(candidates, Int32(count), ids, &scores, &items, entries, Int32(scores.count))
  }

  func sorted() -> [ScoredItem] {
    (0..<Int(entries)).map { ScoredItem(item: items[$0], score: scores[$0]) }
      .sorted { $0.score == $1.score ? $0.item < $1.item : $0.score > $1.score }
  }
}
