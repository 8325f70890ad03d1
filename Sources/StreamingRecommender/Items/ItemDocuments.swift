import ItemMetadata

/// The documents of items, from the topic of items: what is known of them, and which may be listed.
///
/// Not part of snapshots, because the topic is read again at every start.
public struct ItemDocuments: Sendable {
  /// What decides whether an item may be listed.
  private struct Availability: Sendable {
    var isHidden: Bool
    var from: Int64?
    var until: Int64?

    func holds(at milliseconds: Int64) -> Bool {
      !isHidden && from.map { $0 <= milliseconds } ?? true && until.map { milliseconds < $0 } ?? true
    }

    /// The first moment after `milliseconds` at which the result may differ.
    func change(after milliseconds: Int64) -> Int64 {
      [from, until].compactMap(\.self).filter { $0 > milliseconds }.min() ?? .max
    }
  }

  /// In their canonical form, which takes less memory than the parsed one.
  private var documents: [Identifier: [UInt8]] = [:]
  /// Only of items that are not always available.
  private var restricted: [Identifier: Availability] = [:]
  /// Items that may not be listed now, deleted ones included.
  public private(set) var unavailable: Set<Identifier> = []
  private var nextChange = Int64.max

  public init() {}

  public var count: Int { documents.count }
  public var ids: some Collection<Identifier> { documents.keys }

  /// The document as JSON; `nil` if there is none.
  public func bytes(_ id: Identifier) -> [UInt8]? { documents[id] }

  public func document(_ id: Identifier) -> ItemDocument? { documents[id].flatMap { try? ItemDocument($0) } }

  /// Returns whether the item may be listed now.
  mutating func set(_ document: ItemDocument, of id: Identifier, nowMilliseconds now: Int64) -> Bool {
    documents[id] = document.bytes
    let availability = Availability(isHidden: document.isHidden, from: document.availableFrom, until: document.availableUntil)
    let isAlways = !document.isHidden && document.availableFrom == nil && document.availableUntil == nil
    restricted[id] = isAlways ? nil : availability
    nextChange = min(nextChange, availability.change(after: now))
    return update(id, isAvailable: availability.holds(at: now))
  }

  /// The item is gone; it may not be listed until it has a document again.
  mutating func remove(_ id: Identifier) {
    documents[id] = nil
    restricted[id] = nil
    unavailable.insert(id)
  }

  /// The items that became available or unavailable because time passed.
  mutating func advance(toMilliseconds now: Int64) -> [(id: Identifier, isAvailable: Bool)] {
    guard now >= nextChange else { return [] }
    var changed: [(id: Identifier, isAvailable: Bool)] = []
    nextChange = .max
    for (id, availability) in restricted {
      let isAvailable = availability.holds(at: now)
      if isAvailable == unavailable.contains(id) { changed.append((id, update(id, isAvailable: isAvailable))) }
      nextChange = min(nextChange, availability.change(after: now))
    }
    return changed
  }

  private mutating func update(_ id: Identifier, isAvailable: Bool) -> Bool {
    if isAvailable { unavailable.remove(id) } else { unavailable.insert(id) }
    return isAvailable
  }
}
