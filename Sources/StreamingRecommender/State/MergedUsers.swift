/// Ids that were merged into other users (`op: merge`), such as those of visitors who signed in. Later events of such an id are events of
/// the user.
///
/// Every entry points at an id that has no entry itself, so one lookup is enough. The table is bounded; the oldest entries are dropped.
public struct MergedUsers: Sendable {
  /// The largest number of ids that lead to one user; it bounds the work when that user is merged or removed.
  static let idsPerUserMax = 1000

  private struct Entry {
    var into: Identifier
    var number: UInt64
  }

  private var entries: [Identifier: Entry] = [:]
  /// The ids that lead to a user.
  private var ids: [Identifier: [Identifier]] = [:]
  /// Oldest first; only the entry with the latest number of an id is valid.
  private var order: [(number: UInt64, id: Identifier)] = []
  private var head = 0
  private var nextNumber: UInt64 = 1
  public private(set) var dropped = 0

  init() {}

  public var isEmpty: Bool { entries.isEmpty }
  public var count: Int { entries.count }

  /// The id of the user that the events of this id belong to.
  package func resolve(_ id: [UInt8]) -> [UInt8]? { entries[Identifier(id)]?.into.bytes }

  var oldestFirst: [(id: Identifier, into: Identifier)] {
    order[head...].compactMap { place in
      entries[place.id].flatMap { $0.number == place.number ? (place.id, $0.into) : nil }
    }
  }

  /// Adds an entry; `into` must have none. The ids that led to `id` lead to `into` from now on.
  mutating func insert(_ id: Identifier, into: Identifier) {
    precondition(entries[into] == nil && id != into, "an id can only be merged into one that stands for itself")
    remove(id)
    let earlier = ids.removeValue(forKey: id) ?? []
    for other in earlier { entries[other]?.into = into }
    entries[id] = Entry(into: into, number: nextNumber)
    order.append((nextNumber, id))
    nextNumber += 1
    var all = ids[into] ?? []
    all += earlier
    all.append(id)
    if all.count > Self.idsPerUserMax {
      let excess = all.count - Self.idsPerUserMax
      for old in all.prefix(excess) { entries[old] = nil }
      all.removeFirst(excess)
      dropped += excess
    }
    ids[into] = all
    dropInvalid()
  }

  /// Removes the entry of this id, if it has one, and all that lead to it: a forgotten user leaves no id behind.
  mutating func forget(_ id: Identifier) {
    remove(id)
    for other in ids.removeValue(forKey: id) ?? [] { entries[other] = nil }
    dropInvalid()
  }

  private mutating func remove(_ id: Identifier) {
    guard let entry = entries.removeValue(forKey: id) else { return }
    ids[entry.into]?.removeAll { $0 == id }
    if ids[entry.into]?.isEmpty == true { ids[entry.into] = nil }
  }

  /// Drops the oldest entries beyond `max`.
  mutating func bound(to max: Int) {
    while entries.count > max, head < order.count {
      let place = order[head]
      head += 1
      guard entries[place.id]?.number == place.number else { continue }
      remove(place.id)
      dropped += 1
    }
    dropInvalid()
  }

  private mutating func dropInvalid() {
    guard order.count > 2 * entries.count + 1024 else { return }
    order = order[head...].filter { entries[$0.id]?.number == $0.number }
    head = 0
  }
}
