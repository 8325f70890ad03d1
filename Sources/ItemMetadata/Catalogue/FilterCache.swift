import Synchronization

/// The items that may be shown under a filter, computed once for all requests with the same filter.
///
/// Safe to use from any number of threads: the lock is held to look up and to store, never while documents are looked at. An index
/// that was built anew has nothing in common with what is kept of another one. The least recently used filters are forgotten first.
public final class FilterCache: Sendable {
  public static let capacityDefault = 256

  /// The available items that pass a filter.
  private struct Entry: Sendable {
    var passing: TrackedItems?
    var available: TrackedItems
    var items: ItemSet
    var usedAt: UInt64 = 0

    func isCurrent(_ index: CatalogueIndex, now: Int64) -> Bool {
      available.isCurrent(index, now: now) && passing?.isCurrent(index, now: now) ?? true
    }
  }

  private struct State: Sendable {
    var entries: [ExactText: Entry] = [:]
    var available: TrackedItems?
    var uses: UInt64 = 0
    var computed: UInt64 = 0
  }

  private let capacity: Int
  private let state = Mutex(State())

  public init(capacity: Int = capacityDefault) {
    precondition(capacity > 0, "capacity must be positive, got \(capacity)")
    self.capacity = capacity
  }

  /// The available items that pass the filter, or all available ones without a filter.
  public func items(for filter: ItemFilter?, in index: CatalogueIndex, now: Int64) -> ItemSet {
    let key = ExactText(filter?.canonicalText ?? "")
    let (known, available) = state.withLock { state -> (Entry?, TrackedItems?) in
      state.uses += 1
      state.entries[key]?.usedAt = state.uses
      return (state.entries[key], state.available)
    }
    if let known, known.isCurrent(index, now: now) { return known.items }
    let entry = Self.entry(filter, index, now: now, known: known, available: available)
    store(entry, under: key)
    return entry.items
  }

  private static func entry(
    _ filter: ItemFilter?, _ index: CatalogueIndex, now: Int64, known: Entry?, available: TrackedItems?
  ) -> Entry {
    let available = available?.brought(to: index, now: now) ?? TrackedItems(.isAvailable, index, now: now)
    guard let filter else { return Entry(passing: nil, available: available, items: available.items) }
    let passing = known?.passing?.brought(to: index, now: now) ?? TrackedItems(.passes(filter), index, now: now)
    return Entry(passing: passing, available: available, items: passing.items.intersection(available.items))
  }

  /// Keeps the entry, unless a reader of a newer index was faster.
  private func store(_ entry: Entry, under key: ExactText) {
    state.withLock { state in
      state.computed += 1
      if !(state.available?.isNewer(than: entry.available) ?? false) { state.available = entry.available }
      if let other = state.entries[key], other.available.isNewer(than: entry.available) { return }
      if state.entries[key] == nil, state.entries.count >= capacity,
        let oldest = state.entries.min(by: { $0.value.usedAt < $1.value.usedAt })
      {
        state.entries[oldest.key] = nil
      }
      state.entries[key] = entry
      state.entries[key]?.usedAt = state.uses
    }
  }

  /// How many filters are kept, and how often items were computed, for metrics.
  public var statistics: (filters: Int, computed: UInt64) { state.withLock { ($0.entries.count, $0.computed) } }
}
