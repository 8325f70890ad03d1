import ItemMetadata

/// The documents of items, from the topic of items: what is known of them, and which may be listed.
///
/// Not part of snapshots, because the topic is read again at every start.
public struct ItemDocuments: Sendable {
  /// In their canonical form, which takes less memory than the parsed one.
  private var documents: [Identifier: [UInt8]] = [:]
  /// Only of items that are not always available.
  private var restricted: [Identifier: ItemAvailability] = [:]
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
    let availability = document.availability
    restricted[id] = availability.isUnrestricted ? nil : availability
    nextChange = min(nextChange, availability.nextChange(after: now) ?? .max)
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
      nextChange = min(nextChange, availability.nextChange(after: now) ?? .max)
    }
    return changed
  }

  private mutating func update(_ id: Identifier, isAvailable: Bool) -> Bool {
    if isAvailable { unavailable.remove(id) } else { unavailable.insert(id) }
    return isAvailable
  }
}
