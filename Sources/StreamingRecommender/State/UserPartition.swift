/// The users of one partition: ids, histories and published vectors.
///
/// A self-contained value that can be frozen, written to a snapshot section, dropped, and adopted by another engine.
public struct UserPartition: Sendable {
  public let number: Int32
  public private(set) var ids = IdentifierTable()
  private var histories = ChunkedArray<UserHistory>()
  public internal(set) var served: ServedFactors
  /// Number of live pairs (delete markers excluded).
  public private(set) var pairCount = 0
  public private(set) var evictedFromHistory = 0
  public private(set) var evictedFromSeen = 0
  /// Heap memory of the histories in bytes.
  private var historyBytes = 0

  init(number: Int32, factors: Int) {
    self.number = number
    served = ServedFactors(factors: factors)
  }

  public var count: Int { ids.count }
  /// Upper bound of user indices. The index of a removed user has an empty id and no history.
  public var capacity: Int { ids.capacity }

  // MARK: Events

  /// Applies an event of a user of this partition. Returns the index of the user, whether the user is new, whether the event changed
  /// anything, and the order of the pair before it.
  mutating func apply(_ event: Interaction, item: Int32, order: InteractionOrder, limits: HistoryLimits)
    -> (user: Int32, isNew: Bool, isApplied: Bool, previous: InteractionOrder?)
  {
    let (user, isNew) = ids.intern(event.user)
    let change = changeHistory(user) { $0.apply(event, item: item, order: order, limits: limits) }
    return (user, isNew, change.isApplied, change.previous)
  }

  /// Adds the history of another id of the same person to that of a user of this partition. Returns the index of the user.
  mutating func merge(_ history: UserHistory, into id: [UInt8], limits: HistoryLimits) -> Int32 {
    let (user, _) = ids.intern(id)
    _ = changeHistory(user) { $0.merge(history, limits: limits) }
    return user
  }

  /// Changes the history of a user, who may be new, and keeps the counts.
  @inline(__always) private mutating func changeHistory(
    _ user: Int32, _ body: (inout UserHistory) -> UserHistory.Change
  ) -> UserHistory.Change {
    histories.grow(to: Int(user) + 1, with: UserHistory())
    let bytesBefore = histories[Int(user)].bytes
    let change = body(&histories[Int(user)])
    historyBytes += histories[Int(user)].bytes - bytesBefore
    pairCount += change.pairs
    evictedFromHistory += change.evictedPairs
    evictedFromSeen += change.evictedSeen
    return change
  }

  /// Removes the id, history, seen items and vector. The index may be reused for another user.
  mutating func forget(_ user: Int32) {
    pairCount -= histories[Int(user)].liveCount
    historyBytes -= histories[Int(user)].bytes
    histories[Int(user)] = UserHistory()
    ids.remove(user)
    served.remove(user)
  }

  // MARK: Reading

  /// The history of the user; empty for a removed user. Traps if the index is out of range.
  public func history(_ user: Int32) -> UserHistory { histories[Int(user)] }

  // MARK: Freezing and restoring

  /// Returns a copy-on-write copy for use on another thread. The copy does not support id lookup.
  ///
  /// - Parameter withVectors: `false` leaves out the served vectors. A training does not need them, and sharing them would make each
  ///   later write copy a chunk.
  func frozen(withVectors: Bool) -> UserPartition {
    var copy = self
    copy.ids = ids.withoutLookup
    if !withVectors { copy.served = ServedFactors(factors: served.factors) }
    return copy
  }

  /// Restores id lookup of a frozen copy.
  mutating func thaw() { ids.makeLookup() }

  /// Appends a user when restoring a snapshot, in index order; an empty id restores a removed user.
  mutating func restore(_ id: some Collection<UInt8>, _ history: UserHistory) {
    ids.restore(id)
    histories.append(history)
    pairCount += history.liveCount
    historyBytes += history.bytes
  }

  /// Inserts a user from another state. The id must not be present.
  mutating func insert(_ id: some Collection<UInt8>, _ history: UserHistory) -> Int32 {
    let (user, isNew) = ids.intern(id)
    precondition(isNew, "the user is already in partition \(number)")
    histories.grow(to: Int(user) + 1, with: UserHistory())
    histories[Int(user)] = history
    pairCount += history.liveCount
    historyBytes += history.bytes
    return user
  }

  /// Translates item indices of another catalogue: `newIndex[old]` is the index in this engine.
  mutating func renameItems(_ newIndex: [Int32]) {
    for user in 0..<histories.count { histories[user].renameItems(newIndex) }
  }

  mutating func restoreCounts(evictedFromHistory: Int, evictedFromSeen: Int) {
    self.evictedFromHistory = evictedFromHistory
    self.evictedFromSeen = evictedFromSeen
  }

  /// Memory use by part, from maintained counters. Cost is proportional to the number of chunks, not users.
  var size: StateSize {
    StateSize(interactions: historyBytes, users: ids.bytes + histories.bytes, factors: served.bytes)
  }
}
