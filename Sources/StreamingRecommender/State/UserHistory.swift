/// One user's history: the newest pairs with their strengths, and the evicted items that still count as seen.
///
/// `add` sums strengths, `once` keeps the stronger one. `set` and `delete` replace them: last writer wins by order (schemas/README.md).
public struct UserHistory: Sendable, Equatable {
  /// The order of the last `set` or `delete` of a pair in state `addedAfterBarrier`. Older events of the pair are stale.
  struct Barrier: Sendable, Equatable {
    var item: Int32
    var order: InteractionOrder
  }

  /// The effect of one event on the history.
  struct Change {
    /// False if the event was stale and the history is unchanged.
    var isApplied = true
    /// Change in the number of live pairs.
    var pairs = 0
    /// The order of the live pair before the event; `nil` if there was none.
    var previous: InteractionOrder?
    var evictedPairs = 0
    var evictedSeen = 0
  }

  /// Pairs in ascending order, at most `HistoryLimits.historyPerUser`.
  private(set) var pairs: [Pair] = []
  /// Items evicted from the history that still count as seen, oldest first.
  private(set) var evicted: [Int32] = []
  private var barriers: [Barrier] = []

  init() {}

  init(pairs: [Pair], evicted: [Int32], barriers: [Barrier]) {
    self.pairs = pairs
    self.evicted = evicted
    self.barriers = barriers
  }

  public var isEmpty: Bool { pairs.isEmpty }
  var liveCount: Int { pairs.count(where: \.isLive) }

  func barrier(_ item: Int32) -> InteractionOrder? { barriers.first { $0.item == item }?.order }

  // MARK: Applying an event

  mutating func apply(_ event: Interaction, item: Int32, order: InteractionOrder, limits: HistoryLimits) -> Change {
    if let at = pairs.lastIndex(where: { $0.item == item }) {
      return change(at, event, item: item, order: order, limits)
    }
    return enter(event, item: item, order: order, limits)
  }

  private mutating func enter(_ event: Interaction, item: Int32, order: InteractionOrder, _ limits: HistoryLimits) -> Change {
    var change = Change()
    // An item that was seen before stays seen, unless the pair is replaced or deleted.
    let isCombined = event.operation == .add || event.operation == .once
    let countsAsSeen = event.countsAsSeen || isCombined && evicted.contains(item)
    // If the history is full and the pair is older than all others, it would be evicted at once: only record it as seen.
    if pairs.count >= limits.historyPerUser, pairs[0].order > order {
      noteSeen(item, isSeen: event.operation != .delete && countsAsSeen, limits, &change)
      return change
    }
    let state: Pair.State =
      switch event.operation {
      case .add, .once: .added
      case .set: .set
      case .delete: .deleted
      }
    insertNew(
      Pair(
        item: item, strength: state == .deleted ? 0 : limits.bounded(event.strength), order: order, state: state,
        countsAsSeen: countsAsSeen), limits, &change)
    return change
  }

  private mutating func insertNew(_ pair: Pair, _ limits: HistoryLimits, _ change: inout Change) {
    removeFromEvicted(pair.item)
    insert(pair)
    if pair.isLive { change.pairs += 1 }
    evictOldest(limits, &change)
    if !evicted.isEmpty { boundEvicted(limits, &change) }
  }

  private mutating func change(_ at: Int, _ event: Interaction, item: Int32, order: InteractionOrder, _ limits: HistoryLimits) -> Change {
    let old = pairs[at]
    let isStale =
      switch event.operation {
      case .add, .once: barrier(of: old).map { order < $0 } ?? false
      case .set, .delete: order < old.order
      }
    if isStale { return Change(isApplied: false) }
    let new: Pair
    switch event.operation {
    case .add: new = combined(old, event, order, limits, +)
    case .once: new = combined(old, event, order, limits, Interaction.stronger)
    case .set, .delete: new = replacement(event, item: item, order: order, limits)
    }
    setBarrier(new.state == .addedAfterBarrier ? barrier(of: old) : nil, item)
    replace(at, with: new)
    return Change(pairs: (new.isLive ? 1 : 0) - (old.isLive ? 1 : 0), previous: old.isLive ? old.order : nil)
  }

  private func barrier(of pair: Pair) -> InteractionOrder? {
    switch pair.state {
    case .added: nil
    case .set, .deleted: pair.order
    case .addedAfterBarrier: barrier(pair.item)
    }
  }

  private func combined(
    _ old: Pair, _ event: Interaction, _ order: InteractionOrder, _ limits: HistoryLimits, _ combine: (Float, Float) -> Float
  ) -> Pair {
    let newest = max(old.order, order)
    let strength = combine(old.decayed(to: newest, limits), limits.decayed(event.strength, from: order, to: newest))
    return Pair(
      item: old.item, strength: limits.bounded(strength), order: newest, state: old.state == .added ? .added : .addedAfterBarrier,
      countsAsSeen: event.countsAsSeen || old.isLive && old.countsAsSeen)
  }

  private func replacement(_ event: Interaction, item: Int32, order: InteractionOrder, _ limits: HistoryLimits) -> Pair {
    event.operation == .delete
      ? Pair(item: item, strength: 0, order: order, state: .deleted)
      : Pair(item: item, strength: limits.bounded(event.strength), order: order, state: .set, countsAsSeen: event.countsAsSeen)
  }

  private mutating func setBarrier(_ order: InteractionOrder?, _ item: Int32) {
    let at = barriers.firstIndex { $0.item == item }
    switch (at, order) {
    case (let at?, let order?): barriers[at].order = order
    case (let at?, nil): barriers.remove(at: at)
    case (nil, let order?): barriers.append(Barrier(item: item, order: order))
    case (nil, nil): break
    }
  }

  private mutating func insert(_ pair: Pair) {
    var at = pairs.count
    while at > 0, pairs[at - 1].order > pair.order { at -= 1 }
    pairs.insert(pair, at: at)
  }

  private mutating func replace(_ at: Int, with pair: Pair) {
    if pairs[at].order == pair.order {
      pairs[at] = pair
      return
    }
    pairs.remove(at: at)
    insert(pair)
  }

  private mutating func evictOldest(_ limits: HistoryLimits, _ change: inout Change) {
    // A history restored under a lower limit can exceed the bound by more than one.
    while pairs.count > limits.historyPerUser {
      let oldest = pairs.removeFirst()
      setBarrier(nil, oldest.item)
      guard oldest.isLive else { continue }
      change.pairs -= 1
      change.evictedPairs += 1
      noteSeen(oldest.item, isSeen: oldest.countsAsSeen, limits, &change)
    }
  }

  private mutating func noteSeen(_ item: Int32, isSeen: Bool, _ limits: HistoryLimits, _ change: inout Change) {
    removeFromEvicted(item)
    guard isSeen else { return }
    evicted.append(item)
    boundEvicted(limits, &change)
  }

  private mutating func boundEvicted(_ limits: HistoryLimits, _ change: inout Change) {
    let excess = evicted.count - max(0, limits.seenPerUser - pairs.count)
    guard excess > 0 else { return }
    evicted.removeFirst(excess)
    change.evictedSeen += excess
  }

  private mutating func removeFromEvicted(_ item: Int32) {
    if let at = evicted.firstIndex(of: item) { evicted.remove(at: at) }
  }

  // MARK: Merging

  /// Adds the pairs of another history of the same person, as if their events had been this user's.
  ///
  /// Of a pair that both have, what is older than the newer `set` or `delete` of the two does not count.
  mutating func merge(_ other: UserHistory, limits: HistoryLimits) -> Change {
    var change = Change()
    let seenBefore = Set(evicted).union(other.evicted)
    for var pair in other.pairs {
      if pair.isLive, !pair.countsAsSeen, seenBefore.contains(pair.item) { pair = pair.seen }
      let theirs = other.barrier(of: pair)
      if let at = pairs.lastIndex(where: { $0.item == pair.item }) {
        let old = pairs[at]
        let barrier = [barrier(of: old), theirs].compactMap { $0 }.max()
        let new = Self.merged(old, pair, barrier: barrier, limits)
        setBarrier(new.state == .addedAfterBarrier ? barrier : nil, pair.item)
        replace(at, with: new)
        change.pairs += (new.isLive ? 1 : 0) - (old.isLive ? 1 : 0)
      } else if pairs.count >= limits.historyPerUser, pairs[0].order > pair.order {
        if pair.isLive { change.evictedPairs += 1 }
        noteSeen(pair.item, isSeen: pair.isLive && pair.countsAsSeen, limits, &change)
      } else {
        if pair.state == .addedAfterBarrier { setBarrier(theirs, pair.item) }
        insertNew(pair, limits, &change)
      }
    }
    if !other.evicted.isEmpty {
      let theirs = Set(other.evicted)
      for at in pairs.indices where pairs[at].isLive && !pairs[at].countsAsSeen && theirs.contains(pairs[at].item) {
        pairs[at] = pairs[at].seen
      }
      let known = Set(pairs.lazy.map(\.item)).union(evicted)
      evicted = other.evicted.filter { !known.contains($0) } + evicted
    }
    boundEvicted(limits, &change)
    return change
  }

  private static func merged(_ a: Pair, _ b: Pair, barrier: InteractionOrder?, _ limits: HistoryLimits) -> Pair {
    guard let barrier else {
      let newest = max(a.order, b.order)
      return Pair(
        item: a.item, strength: limits.bounded(a.decayed(to: newest, limits) + b.decayed(to: newest, limits)), order: newest,
        state: .added, countsAsSeen: a.countsAsSeen || b.countsAsSeen)
    }
    let counting = [a, b].filter { $0.order >= barrier }
    // The pair to which the barrier belongs is never older than it.
    guard counting.count == 2, let newest = counting.map(\.order).max() else { return counting.first ?? a }
    // Both were set by events of the same time: one of them counts.
    if a.state == .set, b.state == .set { return a.countsAsSeen ? a : b.countsAsSeen ? a.seen : a }
    let isOnlyBarrier = newest == barrier && counting.contains { $0.state == .deleted }
    if isOnlyBarrier { return Pair(item: a.item, strength: 0, order: barrier, state: .deleted) }
    let strength = counting.reduce(0) { $0 + $1.decayed(to: newest, limits) }
    return Pair(
      item: a.item, strength: limits.bounded(strength), order: newest, state: newest == barrier ? .set : .addedAfterBarrier,
      countsAsSeen: counting.contains { $0.isLive && $0.countsAsSeen })
  }

  mutating func renameItems(_ newIndex: [Int32]) {
    for at in pairs.indices { pairs[at].item = newIndex[Int(pairs[at].item)] }
    for at in evicted.indices { evicted[at] = newIndex[Int(evicted[at])] }
    for at in barriers.indices { barriers[at].item = newIndex[Int(barriers[at].item)] }
  }

  // MARK: Reading

  /// The live pair of the item, if any.
  func livePair(_ item: Int32) -> Pair? { pairs.last { $0.item == item && $0.isLive } }

  /// Items to exclude from the list of this user, ascending.
  ///
  /// - Parameter milliseconds: items whose last event is older may come again; evicted ones are older than all others.
  public func seen(since milliseconds: Int64?) -> [Int32] {
    var result =
      pairs.lazy.filter { $0.isLive && $0.countsAsSeen && $0.order.timeMilliseconds >= milliseconds ?? .min }.map(\.item) as [Int32]
    if milliseconds == nil { result.append(contentsOf: evicted) }
    result.sort()
    return result
  }

  /// Heap memory in bytes, from the capacities of the arrays.
  var bytes: Int {
    func array(_ capacity: Int, _ stride: Int) -> Int { capacity == 0 ? 0 : 32 + capacity * stride }
    return array(pairs.capacity, MemoryLayout<Pair>.stride) + array(evicted.capacity, 4)
      + array(barriers.capacity, MemoryLayout<Barrier>.stride)
  }
}
