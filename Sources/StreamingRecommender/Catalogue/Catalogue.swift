import Factorization

/// What every engine has whole, whichever users it serves: the items with their ids, what is popular now, what follows what, and the
/// items that the live model does not know yet.
public struct Catalogue: Sendable {
  public internal(set) var items = IdentifierTable()
  public internal(set) var trend: TrendCounter
  public internal(set) var transitions: TransitionCounts
  var newItems = NewItems()

  /// - Parameters:
  ///   - trendHalfLife: in events; `nil`: follows the active catalogue.
  ///   - successorsMax: kept per item.
  public init(trendHalfLife: Double? = nil, successorsMax: Int = 1) {
    trend = TrendCounter(halfLife: trendHalfLife)
    transitions = TransitionCounts(successorsMax: successorsMax)
  }

  /// Items by decayed count: the list for users that nobody knows.
  public func popular(_ n: Int) -> [ScoredItem] {
    TopNSelector.largest(n, of: trend.accumulators).map { ScoredItem(item: $0.item, score: trend.decayedCount($0.item)) }
  }

  /// A copy for a reader on another thread: it cannot look ids up.
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
