/// The users of one partition: their ids, histories and the vectors that readers see.
///
/// A value on its own: it can be frozen, written to a snapshot section, dropped, and adopted from such a section.
public struct UserPartition: Sendable {
  public let number: Int32
  public private(set) var ids = IdentifierTable()
  private var histories = ChunkedArray<UserHistory>()
  public internal(set) var served: ServedFactors
  /// Pairs that count (delete markers do not).
  public private(set) var pairCount = 0
  public private(set) var evictedFromHistory = 0
  public private(set) var evictedFromSeen = 0
  /// Heap bytes of the histories.
  private var historyBytes = 0

  init(number: Int32, factors: Int) {
    self.number = number
    served = ServedFactors(factors: factors)
  }

  public var count: Int { ids.count }
  /// Indices 0 ..< this may be users; a forgotten one has an empty id and no history.
  public var capacity: Int { ids.capacity }

  // MARK: Events

  /// Applies an event of a user of this partition. Returns the user's index, whether the user is new, and whether anything changed.
  mutating func apply(_ event: Interaction, item: Int32, order: InteractionOrder, limits: HistoryLimits)
    -> (user: Int32, isNew: Bool, isApplied: Bool)
  {
    let (user, isNew) = ids.intern(event.user)
    histories.grow(to: Int(user) + 1, with: UserHistory())
    let bytesBefore = histories[Int(user)].bytes
    let change = histories[Int(user)].apply(event, item: item, order: order, limits: limits)
    historyBytes += histories[Int(user)].bytes - bytesBefore
    pairCount += change.pairs
    evictedFromHistory += change.evictedPairs
    evictedFromSeen += change.evictedSeen
    return (user, isNew, change.isApplied)
  }

  /// Removes id, history, seen items and vector. The index may later belong to another user.
  mutating func forget(_ user: Int32) {
    pairCount -= histories[Int(user)].liveCount
    historyBytes -= histories[Int(user)].bytes
    histories[Int(user)] = UserHistory()
    ids.remove(user)
    served.remove(user)
  }

  // MARK: Reading

  public func history(_ user: Int32) -> UserHistory { histories[Int(user)] }

  // MARK: Freezing and restoring

  /// A copy for a reader on another thread: it cannot look ids up, and shares everything else until this one is written to.
  ///
  /// - Parameter withVectors: a training does not need the served vectors, and sharing them would make the stream copy each chunk.
  func frozen(withVectors: Bool) -> UserPartition {
    var copy = self
    copy.ids = ids.withoutLookup
    if !withVectors { copy.served = ServedFactors(factors: served.factors) }
    return copy
  }

  /// Gives a frozen copy the means to look ids up again.
  mutating func thaw() { ids.makeLookup() }

  /// Appends a user in the order of indices; an empty id is a forgotten one.
  mutating func restore(_ id: some Collection<UInt8>, _ history: UserHistory) {
    ids.restore(id)
    histories.append(history)
    pairCount += history.liveCount
    historyBytes += history.bytes
  }

  /// Takes over a user from another state. The id must not be present.
  mutating func insert(_ id: some Collection<UInt8>, _ history: UserHistory) -> Int32 {
    let (user, isNew) = ids.intern(id)
    precondition(isNew, "the user is already in partition \(number)")
    histories.grow(to: Int(user) + 1, with: UserHistory())
    histories[Int(user)] = history
    pairCount += history.liveCount
    historyBytes += history.bytes
    return user
  }

  /// Item indices of another catalogue become those of this engine's.
  mutating func renameItems(_ newIndex: [Int32]) {
    for user in 0..<histories.count { histories[user].renameItems(newIndex) }
  }

  mutating func restoreCounts(evictedFromHistory: Int, evictedFromSeen: Int) {
    self.evictedFromHistory = evictedFromHistory
    self.evictedFromSeen = evictedFromSeen
  }

  /// Memory by part, from counts that are kept; walks chunks, never users.
  var size: StateSize {
    StateSize(interactions: historyBytes, users: ids.bytes + histories.bytes, factors: served.bytes)
  }
}
