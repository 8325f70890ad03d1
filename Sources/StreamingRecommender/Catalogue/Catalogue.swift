import Factorization

/// The state shared by all partitions: items and their ids, popularity, transitions, and items that the live model was not trained on.
public struct Catalogue: Sendable {
  public internal(set) var items = IdentifierTable()
  public internal(set) var trend: TrendCounter
  public internal(set) var transitions: TransitionCounts
  var newItems = NewItems()

  /// - Parameters:
  ///   - trendHalfLife: in events; `nil` derives it from the number of active items.
  ///   - successorsMax: maximum number of successors per item.
  public init(trendHalfLife: Double? = nil, successorsMax: Int = 1) {
    trend = TrendCounter(halfLife: trendHalfLife)
    transitions = TransitionCounts(successorsMax: successorsMax)
  }

  /// The `n` most popular items by decayed count; the fallback list for unknown users.
  public func popular(_ n: Int) -> [ScoredItem] {
    TopNSelector.largest(n, of: trend.accumulators).map { ScoredItem(item: $0.item, score: trend.decayedCount($0.item)) }
  }

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
