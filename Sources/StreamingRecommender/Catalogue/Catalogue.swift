import Factorization

/// The state shared by all partitions: items and their ids, popularity, transitions, and items that the live model was not trained on.
public struct Catalogue: Sendable {
  public internal(set) var items = IdentifierTable()
  public internal(set) var trend: TrendCounter
  public internal(set) var transitions: TransitionCounts
  /// Counts in fixed windows; `nil` if nobody reads them.
  var windows: TrendWindows?
  var newItems = NewItems()
  /// Items that no list may name now, `gone` ones included. Only `gone` is in snapshots.
  public internal(set) var hidden: Set<Int32> = []
  /// Items that were deleted from the topic of items and have no document since.
  var gone: Set<Int32> = []

  /// - Parameters:
  ///   - trendHalfLife: in events; `nil` derives it from the number of active items.
  ///   - successorsMax: maximum number of successors per item.
  ///   - countsWindows: whether events are counted in fixed windows, too.
  public init(trendHalfLife: Double? = nil, successorsMax: Int = 1, countsWindows: Bool = false) {
    if countsWindows { windows = TrendWindows() }
    trend = TrendCounter(halfLife: trendHalfLife)
    transitions = TransitionCounts(successorsMax: successorsMax)
  }

  /// The `n` most popular items by decayed count, without hidden ones; the fallback list for unknown users.
  public func popular(_ n: Int) -> [ScoredItem] {
    var counts = trend.accumulators
    for item in hidden where Int(item) < counts.count { counts[Int(item)] = 0 }
    return TopNSelector.largest(n, of: counts).map { ScoredItem(item: $0.item, score: trend.decayedCount($0.item)) }
  }

  /// What is added to the score of an item, before it is multiplied with the weight of the trend. Minus infinity keeps an item out of
  /// every list.
  func bias(_ item: Int32) -> Float { !hidden.isEmpty && hidden.contains(item) ? -.infinity : trend.accumulator(item) }

  /// Returns a copy-on-write copy for use on another thread. The copy does not support id lookup.
  func frozen() -> Catalogue {
    var copy = self
    copy.items = items.withoutLookup
    return copy
  }

  mutating func thaw() { items.makeLookup() }

  var size: StateSize {
    StateSize(items: items.bytes, factors: trend.accumulators.capacity * 4 + transitions.bytes)
  }
}
