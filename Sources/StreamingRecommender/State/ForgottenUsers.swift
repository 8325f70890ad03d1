/// Ids of users that a tombstone removed, as long as a view that falls back to older data could show them again: until the view has
/// confirmed the removal, and after that for as long as a list can live.
public struct ForgottenUsers: Sendable, Equatable {
  /// Confirmed ids kept at most.
  static let confirmedMax = 1_000_000

  struct Entry: Sendable, Equatable {
    var number: UInt64
    /// Milliseconds since 1970; `nil`: the view has not confirmed the removal yet.
    var confirmedAt: Int64?
  }

  private(set) var entries: [Identifier: Entry] = [:]
  /// Oldest first; an id that was forgotten again stands here twice, and its newest number counts.
  private var order: [(number: UInt64, id: Identifier)] = []
  private var head = 0
  private var nextNumber: UInt64 = 1

  public init() {}

  public var count: Int { entries.count }

  /// In the order in which they were forgotten.
  var ids: [(id: Identifier, confirmedAt: Int64?)] {
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

  /// Drops what was confirmed before `limit` (milliseconds since 1970), oldest first, and the oldest beyond `confirmedMax`.
  mutating func expire(before limit: Int64) {
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

  /// Places of ids that were forgotten again, or have expired, do not pile up.
  private mutating func dropSuperseded() {
    guard order.count > 2 * entries.count + 1024 else { return }
    order = order[head...].filter { entries[$0.id]?.number == $0.number }
    head = 0
  }

  public static func == (a: ForgottenUsers, b: ForgottenUsers) -> Bool {
    a.ids.elementsEqual(b.ids) { $0.id == $1.id && $0.confirmedAt == $1.confirmedAt }
  }
}
