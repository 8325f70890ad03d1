import Factorization

/// Who interacted with what, how strongly and when: the state that the model is a function of.
///
/// A value. A frozen copy shares its chunks with the live one; the first write to a chunk after a freeze copies that chunk, so
/// neither a retrain nor a snapshot stops the stream.
public struct InteractionStore: Sendable {
  public struct Limits: Sendable, Equatable {
    /// Pairs kept per user, delete markers included; the newest by order remain.
    public var historyPerUser: Int
    /// Items that count as seen per user.
    public var seenPerUser: Int
    /// Bound on the size of a pair's summed strength.
    public var maxStrength: Float
    /// Half-life of a strength in milliseconds; `nil`: strengths stay.
    public var halfLifeMilliseconds: Double?
    public init(
      historyPerUser: Int = 2000, seenPerUser: Int = 10_000, maxStrength: Float = 1e6, halfLifeMilliseconds: Double? = nil
    ) {
      self.historyPerUser = historyPerUser
      self.seenPerUser = seenPerUser
      self.maxStrength = maxStrength
      self.halfLifeMilliseconds = halfLifeMilliseconds
    }
  }

  public let limits: Limits
  public private(set) var users = IdentifierTable()
  public private(set) var items = IdentifierTable()
  var chunks: [UserChunk] = []
  /// Pairs that count (delete markers do not).
  public private(set) var pairCount = 0
  public private(set) var evictedFromHistory = 0
  public private(set) var evictedFromSeen = 0
  public internal(set) var newestTimeMilliseconds: Int64 = 0

  public init(limits: Limits = Limits()) { self.limits = limits }

  public enum Outcome: Equatable, Sendable {
    case changed(user: Int32, item: Int32, isNewUser: Bool, isNewItem: Bool)
    /// Older than what the pair already knows: nothing changes.
    case stale
  }

  /// Applies one event to its pair: `add` sums strengths; `set` and `delete` replace, the last writer by order wins.
  public mutating func apply(_ interaction: Interaction, order: InteractionOrder) -> Outcome {
    let (item, isNewItem) = items.intern(interaction.item)
    let (user, isNewUser) = users.intern(interaction.user)
    if Int(user) / UserChunk.users == chunks.count { chunks.append(UserChunk()) }
    let chunk = Int(user) / UserChunk.users
    let local = Int(user) % UserChunk.users
    if local == chunks[chunk].histories.count {
      chunks[chunk].histories.append([])
      chunks[chunk].partitions.append(order.partition)
    }
    let changed = change(interaction, item: item, user: user, order: order, chunk: chunk, local: local)
    newestTimeMilliseconds = max(newestTimeMilliseconds, order.timeMilliseconds)
    guard changed else { return .stale }
    chunks[chunk].partitions[local] = order.partition
    return .changed(user: user, item: item, isNewUser: isNewUser, isNewItem: isNewItem)
  }

  private mutating func change(
    _ event: Interaction, item: Int32, user: Int32, order: InteractionOrder, chunk: Int, local: Int
  ) -> Bool {
    let barrierKey = UserChunk.BarrierKey(user: Int32(local), item: item)
    guard let at = chunks[chunk].histories[local].lastIndex(where: { $0.item == item }) else {
      guard !isOlderThanAFullHistory(order, chunk: chunk, local: local) else {
        noteSeen(item, live: event.operation != .delete, chunk: chunk, local: local)
        return true
      }
      let state: Pair.State = event.operation == .add ? .added : event.operation == .set ? .set : .deleted
      removeFromEvicted(item, chunk: chunk, local: local)
      let strength = state == .deleted ? 0 : bounded(event.strength)
      insert(Pair(item: item, strength: strength, order: order, state: state), chunk: chunk, local: local)
      if state != .deleted { pairCount += 1 }
      evictOldest(chunk: chunk, local: local)
      return true
    }
    let old = chunks[chunk].histories[local][at]
    switch event.operation {
    case .add:
      let barrier: InteractionOrder? =
        switch old.state {
        case .added: nil
        case .set, .deleted: old.order
        case .addedAfterBarrier: chunks[chunk].barriers[barrierKey]
        }
      if let barrier, order < barrier { return false }
      let newest = max(old.order, order)
      let strength = decayed(old.strength, from: old.order, to: newest) + decayed(event.strength, from: order, to: newest)
      let state: Pair.State = barrier == nil ? .added : .addedAfterBarrier
      if let barrier { chunks[chunk].barriers[barrierKey] = barrier }
      if !old.isLive { pairCount += 1 }
      replace(at, with: Pair(item: item, strength: bounded(strength), order: newest, state: state), chunk: chunk, local: local)
    case .set, .delete:
      if order < old.order { return false }
      chunks[chunk].barriers[barrierKey] = nil
      let isDelete = event.operation == .delete
      if old.isLive != !isDelete { pairCount += isDelete ? -1 : 1 }
      replace(
        at,
        with: Pair(
          item: item, strength: isDelete ? 0 : bounded(event.strength), order: order, state: isDelete ? .deleted : .set),
        chunk: chunk, local: local)
    }
    return true
  }

  /// A pair that the cap would push out at once does not enter; it only counts as seen.
  private func isOlderThanAFullHistory(_ order: InteractionOrder, chunk: Int, local: Int) -> Bool {
    let history = chunks[chunk].histories[local]
    return history.count >= limits.historyPerUser && history[0].order > order
  }

  private mutating func insert(_ pair: Pair, chunk: Int, local: Int) {
    var at = chunks[chunk].histories[local].count
    while at > 0, chunks[chunk].histories[local][at - 1].order > pair.order { at -= 1 }
    chunks[chunk].histories[local].insert(pair, at: at)
  }

  private mutating func replace(_ at: Int, with pair: Pair, chunk: Int, local: Int) {
    if chunks[chunk].histories[local][at].order == pair.order {
      chunks[chunk].histories[local][at] = pair
      return
    }
    chunks[chunk].histories[local].remove(at: at)
    insert(pair, chunk: chunk, local: local)
  }

  private mutating func evictOldest(chunk: Int, local: Int) {
    // More than one where a snapshot was made under a higher cap.
    while chunks[chunk].histories[local].count > limits.historyPerUser {
      let oldest = chunks[chunk].histories[local].removeFirst()
      chunks[chunk].barriers[UserChunk.BarrierKey(user: Int32(local), item: oldest.item)] = nil
      guard oldest.isLive else { continue }
      pairCount -= 1
      evictedFromHistory += 1
      noteSeen(oldest.item, live: true, chunk: chunk, local: local)
    }
  }

  private mutating func noteSeen(_ item: Int32, live: Bool, chunk: Int, local: Int) {
    removeFromEvicted(item, chunk: chunk, local: local)
    guard live else { return }
    let room = limits.seenPerUser - chunks[chunk].histories[local].count
    chunks[chunk].evicted[Int32(local), default: []].append(item)
    while chunks[chunk].evicted[Int32(local)]!.count > max(0, room) {
      chunks[chunk].evicted[Int32(local)]!.removeFirst()
      evictedFromSeen += 1
    }
  }

  private mutating func removeFromEvicted(_ item: Int32, chunk: Int, local: Int) {
    guard let at = chunks[chunk].evicted[Int32(local)]?.firstIndex(of: item) else { return }
    chunks[chunk].evicted[Int32(local)]!.remove(at: at)
  }

  private func bounded(_ strength: Float) -> Float { min(max(strength, -limits.maxStrength), limits.maxStrength) }

  func decayed(_ strength: Float, from: InteractionOrder, to: InteractionOrder) -> Float {
    decayed(strength, milliseconds: to.timeMilliseconds - from.timeMilliseconds)
  }

  private func decayed(_ strength: Float, milliseconds: Int64) -> Float {
    guard let halfLife = limits.halfLifeMilliseconds, milliseconds > 0 else { return strength }
    return strength * Float(exponential2(-Double(milliseconds) / halfLife))
  }

  /// Forgets the user: name, history, seen set. The index may later belong to another user.
  public mutating func forget(_ user: Int32) {
    let chunk = Int(user) / UserChunk.users
    let local = Int(user) % UserChunk.users
    pairCount -= chunks[chunk].histories[local].count(where: \.isLive)
    for pair in chunks[chunk].histories[local] {
      chunks[chunk].barriers[UserChunk.BarrierKey(user: Int32(local), item: pair.item)] = nil
    }
    chunks[chunk].histories[local] = []
    chunks[chunk].evicted[Int32(local)] = nil
    users.remove(user)
  }

  // MARK: Reading

  /// Indices 0 ..< this may be users; a removed one has an empty name and no history.
  public var userCapacity: Int { users.capacity }

  public func partition(ofUser user: Int32) -> UInt16 { chunks[Int(user) / UserChunk.users].partitions[Int(user) % UserChunk.users] }

  public func pairCount(ofUser user: Int32) -> Int { history(user).count(where: \.isLive) }

  func history(_ user: Int32) -> [Pair] { chunks[Int(user) / UserChunk.users].histories[Int(user) % UserChunk.users] }

  /// Calls `body` for the user's pairs that count, newest first, until it returns false; strengths as of the newest time seen.
  public func forEachNewestFirst(_ user: Int32, _ body: (_ item: Int32, _ strength: Float, _ order: InteractionOrder) -> Bool) {
    let history = chunks[Int(user) / UserChunk.users].histories[Int(user) % UserChunk.users]
    for pair in history.reversed() where pair.isLive {
      let strength = decayed(pair.strength, milliseconds: newestTimeMilliseconds - pair.order.timeMilliseconds)
      guard body(pair.item, strength, pair.order) else { return }
    }
  }

  /// Of the user's pair with the item, as of the newest time seen; 0 where there is none.
  func strength(_ user: Int32, _ item: Int32) -> Float {
    guard let pair = history(user).last(where: { $0.item == item && $0.isLive }) else { return 0 }
    return decayed(pair.strength, milliseconds: newestTimeMilliseconds - pair.order.timeMilliseconds)
  }

  /// Items that the user's list leaves out, ascending.
  public func seen(_ user: Int32) -> [Int32] {
    let chunk = chunks[Int(user) / UserChunk.users]
    let local = Int(user) % UserChunk.users
    var result = chunk.histories[local].lazy.filter(\.isLive).map(\.item) as [Int32]
    result.append(contentsOf: chunk.evicted[Int32(local)] ?? [])
    result.sort()
    return result
  }

  /// A copy for a retrain or a snapshot: it cannot look ids up, and shares everything else until the live store writes.
  public func frozen() -> InteractionStore {
    var copy = self
    copy.users = users.withoutLookup
    copy.items = items.withoutLookup
    return copy
  }

  // MARK: Restoring

  /// Makes a frozen view one that can look ids up, and so a live store.
  mutating func thaw() {
    users.makeLookup()
    items.makeLookup()
  }

  mutating func restoreItem(_ name: some Collection<UInt8>) { items.restore(name) }

  /// Users are restored in the order of their indices.
  mutating func restoreUser(
    _ name: some Collection<UInt8>, partition: UInt16, history: [Pair], evicted: [Int32], barriers: [(item: Int32, order: InteractionOrder)]
  ) {
    let user = users.capacity
    users.restore(name)
    if user / UserChunk.users == chunks.count { chunks.append(UserChunk()) }
    let chunk = chunks.count - 1
    let local = Int32(user % UserChunk.users)
    chunks[chunk].histories.append(history)
    chunks[chunk].partitions.append(partition)
    if !evicted.isEmpty { chunks[chunk].evicted[local] = evicted }
    for barrier in barriers { chunks[chunk].barriers[UserChunk.BarrierKey(user: local, item: barrier.item)] = barrier.order }
    pairCount += history.count(where: \.isLive)
  }

  mutating func restoreCounts(evictedFromHistory: Int, evictedFromSeen: Int) {
    self.evictedFromHistory = evictedFromHistory
    self.evictedFromSeen = evictedFromSeen
  }
}
