/// Ids of users that a tombstone removed and whose published data may still be visible to readers.
///
/// An id is kept until the view has confirmed the removal, and then for the lifetime of a list, because a view that fails over to older
/// data could expose the user again.
public struct ForgottenUsers: Sendable, Equatable {
  /// Maximum number of ids; beyond it, the oldest confirmed ids are dropped.
  static let confirmedMax = 1_000_000

  struct Entry: Sendable, Equatable {
    var number: UInt64
    /// Milliseconds since 1970; `nil` if the view has not confirmed the removal yet.
    var confirmedAt: Int64?
  }

  private(set) var entries: [Identifier: Entry] = [:]
  /// Oldest first. An id that was removed more than once occurs several times; only the entry with its latest number is valid.
  private var order: [(number: UInt64, id: Identifier)] = []
  private var head = 0
  private var nextNumber: UInt64 = 1

  public init() {}

  public var count: Int { entries.count }
  package func contains(_ id: Identifier) -> Bool { entries[id] != nil }
  /// When the view confirmed the removal, in milliseconds since 1970.
  package func confirmedAt(_ id: Identifier) -> Int64? { entries[id]?.confirmedAt }

  /// The ids in the order of their removal.
  package var ids: [(id: Identifier, confirmedAt: Int64?)] {
    order[head...].compactMap { place in
      guard let entry = entries[place.id], entry.number == place.number else { return nil }
      return (place.id, entry.confirmedAt)
    }
  }

  mutating func insert(_ id: Identifier, confirmedAt: Int64? = nil) {
    entries[id] = Entry(number: nextNumber, confirmedAt: confirmedAt)
    order.append((nextNumber, id))
    nextNumber += 1
    dropSuperseded()
  }

  mutating func confirm(_ id: Identifier, atMilliseconds now: Int64) { entries[id]?.confirmedAt = now }

  /// Drops the oldest ids while they were confirmed before `limit` (milliseconds since 1970) or the count exceeds `confirmedMax`. Stops
  /// at the first unconfirmed id.
  package mutating func expire(before limit: Int64) {
    while head < order.count {
      let place = order[head]
      if let entry = entries[place.id], entry.number == place.number {
        guard let confirmedAt = entry.confirmedAt, confirmedAt < limit || entries.count > Self.confirmedMax else { break }
        entries[place.id] = nil
      }
      head += 1
    }
    dropSuperseded()
  }

  /// Compacts `order` when most of its entries are superseded or expired.
  private mutating func dropSuperseded() {
    guard order.count > 2 * entries.count + 1024 else { return }
    order = order[head...].filter { entries[$0.id]?.number == $0.number }
    head = 0
  }

  public static func == (a: ForgottenUsers, b: ForgottenUsers) -> Bool {
    a.ids.elementsEqual(b.ids) { $0.id == $1.id && $0.confirmedAt == $1.confirmedAt }
  }
}
