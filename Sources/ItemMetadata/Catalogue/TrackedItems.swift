/// The items for which something holds, kept up to date: after a change of some documents only those are looked at again.
struct TrackedItems: Sendable {
  /// What holds.
  enum Condition: Sendable {
    case isAvailable
    case passes(ItemFilter)

    func all(_ index: CatalogueIndex, now: Int64) -> (items: ItemSet, nextChange: Int64?) {
      switch self {
      case .isAvailable:
        let (items, next) = index.unavailableItems(at: now)
        return (items.complement(within: index.itemCount), next)
      case .passes(let filter): return index.items(matching: filter, now: now)
      }
    }

    /// Whether it holds for an item without a document.
    var holdsWithoutDocument: Bool {
      switch self {
      case .isAvailable: true
      case .passes(let filter): filter.matches(nil, now: 0)
      }
    }

    func holds(_ number: Int32, _ index: CatalogueIndex, now: Int64) -> (Bool, nextChange: Int64?) {
      let document = index.document(number)
      switch self {
      case .isAvailable: return (index.isAvailable(number, at: now), document?.nextChange(after: now))
      case .passes(let filter): return (filter.matches(document, now: now), filter.nextChange(of: document, after: now))
      }
    }
  }

  let condition: Condition
  private(set) var items: ItemSet
  private(set) var validUntil: Int64?
  private(set) var version: UInt64
  private let origin: CatalogueIndex.Origin
  private var itemCount: Int
  private var evaluatedAt: Int64

  init(_ condition: Condition, _ index: CatalogueIndex, now: Int64) {
    self.condition = condition
    (items, validUntil) = condition.all(index, now: now)
    (version, itemCount, evaluatedAt) = (index.version, index.itemCount, now)
    origin = index.origin
  }

  /// Whether the items are those of a later version than the other ones.
  func isNewer(than other: TrackedItems) -> Bool { origin === other.origin && version > other.version }

  /// A clock that is a little behind, as those of several threads are, does not count as one that was set back.
  private static let clockSlackMilliseconds: Int64 = 10_000

  /// Whether the items are those of this index at this time.
  func isCurrent(_ index: CatalogueIndex, now: Int64) -> Bool {
    origin === index.origin && version == index.version && itemCount == index.itemCount && isInTime(now)
  }

  private func isInTime(_ now: Int64) -> Bool {
    now >= evaluatedAt - Self.clockSlackMilliseconds && validUntil.map { now < $0 } ?? true
  }

  func brought(to index: CatalogueIndex, now: Int64) -> TrackedItems {
    if isCurrent(index, now: now) { return self }
    guard origin === index.origin, isInTime(now), index.itemCount >= itemCount, let changed = index.changes(since: version),
      changed.count <= index.itemCount / 4 + 16
    else { return TrackedItems(condition, index, now: now) }
    var result = self
    let time = max(now, evaluatedAt)
    if index.itemCount > itemCount, condition.holdsWithoutDocument {
      // New items have no document unless they are among the changes.
      result.items.insert(from: itemCount, to: index.itemCount)
    }
    for number in changed {
      let (holds, next) = condition.holds(number, index, now: time)
      if holds { result.items.insert(number) } else { result.items.remove(number) }
      result.validUntil = earlier(result.validUntil, next)
    }
    (result.version, result.itemCount, result.evaluatedAt) = (index.version, index.itemCount, time)
    return result
  }
}
