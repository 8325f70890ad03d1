extension InteractionStore {
  /// What must hold whatever came in; tests and the simulation call it. Returns the first violation.
  public func violatedInvariant() -> String? {
    var pairs = 0
    for user in 0..<Int32(userCapacity) {
      let name = users.string(user)
      let history = history(user)
      if name.isEmpty, !history.isEmpty { return "a forgotten user still has \(history.count) pairs" }
      if history.count > limits.historyPerUser { return "\(name) has \(history.count) pairs" }
      if Set(history.map(\.item)).count != history.count { return "\(name) holds an item twice" }
      if zip(history, history.dropFirst()).contains(where: { $0.order > $1.order }) { return "\(name)'s history is out of order" }
      if history.contains(where: { !$0.strength.isFinite || abs($0.strength) > limits.maxStrength }) {
        return "\(name) holds a strength out of bounds"
      }
      let chunk = chunks[Int(user) / UserChunk.users]
      let local = Int32(Int(user) % UserChunk.users)
      for pair in history {
        let barrier = chunk.barriers[UserChunk.BarrierKey(user: local, item: pair.item)]
        if (pair.state == .addedAfterBarrier) != (barrier != nil) { return "\(name): a barrier without its pair" }
      }
      let evicted = chunk.evicted[local] ?? []
      if !Set(evicted).isDisjoint(with: history.map(\.item)) { return "\(name): an evicted item is in the history" }
      if evicted.count + history.count > max(limits.seenPerUser, limits.historyPerUser) { return "\(name): too many seen items" }
      pairs += history.count(where: \.isLive)
    }
    return pairs == pairCount ? nil : "\(pairs) pairs counted, \(pairCount) kept"
  }
}

/// Memory of the state, by part; close estimates from the capacities of the containers.
public struct StateSize: Sendable, Equatable {
  public var interactions = 0
  public var users = 0
  public var items = 0
  public var factors = 0
  public var total: Int { interactions + users + items + factors }
}

extension InteractionStore {
  public func size() -> StateSize {
    let arrayHeader = 32
    var size = StateSize()
    size.users = users.bytes
    size.items = items.bytes
    for chunk in chunks {
      size.users += chunk.histories.capacity * 8 + chunk.partitions.capacity * 2
      size.users += chunk.barriers.capacity * 24 + chunk.evicted.capacity * 16
      for history in chunk.histories where history.capacity > 0 {
        size.interactions += arrayHeader + history.capacity * MemoryLayout<Pair>.stride
      }
      for evicted in chunk.evicted.values { size.interactions += arrayHeader + evicted.capacity * 4 }
    }
    return size
  }
}
