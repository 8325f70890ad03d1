import StreamingRecommender

/// Rebuilds the state from a whole log in the simplest way, with an independent implementation of the event rules. Tests compare the
/// engine's state with it after crashes.
public struct NaiveState {
  public struct PlainPair: Equatable {
    public var strength: Float
    public var time: Int64
    public var isDeleted: Bool
    var barrier: Int64?
    /// Orders pairs with the same time.
    var arrival: Int
  }

  public struct PlainUser: Equatable {
    public var pairs: [String: PlainPair] = [:]
    public var evicted: [String] = []
  }

  public private(set) var users: [String: PlainUser] = [:]
  public private(set) var rejected: Set<String> = []
  public private(set) var eventsApplied = 0
  private var arrivals = 0
  private let historyMax: Int

  public init(historyPerUser: Int) { historyMax = historyPerUser }

  public mutating func apply(user: String, item: String, operation: Interaction.Operation, strength: Float, time: Int64) {
    eventsApplied += 1
    arrivals += 1
    var state = users[user] ?? PlainUser()
    defer { users[user] = state }
    guard var pair = state.pairs[item] else {
      let oldest = state.pairs.values.map { ($0.time, $0.arrival) }.min { $0 < $1 }
      if state.pairs.count >= historyMax, let oldest, oldest.0 > time {
        state.evicted.removeAll { $0 == item }
        if operation != .delete { state.evicted.append(item) }
        return
      }
      state.evicted.removeAll { $0 == item }
      state.pairs[item] = PlainPair(
        strength: operation == .delete ? 0 : strength, time: time, isDeleted: operation == .delete,
        barrier: operation == .add ? nil : time, arrival: arrivals)
      if state.pairs.count > historyMax {
        let (name, old) = state.pairs.min { ($0.value.time, $0.value.arrival) < ($1.value.time, $1.value.arrival) }!
        state.pairs[name] = nil
        if !old.isDeleted { state.evicted.append(name) }
      }
      return
    }
    switch operation {
    case .add:
      if let barrier = pair.barrier, time < barrier { return }
      pair.strength += strength
      pair.isDeleted = false
      if time > pair.time { (pair.time, pair.arrival) = (time, arrivals) }
    case .set, .delete:
      if time < pair.time { return }
      if time > pair.time { (pair.time, pair.arrival) = (time, arrivals) }
      pair.isDeleted = operation == .delete
      pair.strength = operation == .delete ? 0 : strength
      pair.barrier = time
    }
    state.pairs[item] = pair
  }

  public mutating func forget(user: String) {
    eventsApplied += 1
    users[user] = nil
  }

  public mutating func reject(_ place: String) { rejected.insert(place) }

  /// Describes the first difference from the engine's state, or returns `nil`.
  public func difference(from state: EngineState) -> String? {
    for (name, user) in users {
      guard let index = state.users.find(Array(name.utf8)) else { return "\(name) is missing" }
      var found: [String: (Float, Int64)] = [:]
      state.users.forEachNewestFirst(index) { item, strength, order in
        found[state.catalogue.items.string(item)] = (strength, order.timeMilliseconds)
        return true
      }
      let live = user.pairs.filter { !$0.value.isDeleted }
      if found.count != live.count { return "\(name) has \(found.count) pairs, not \(live.count)" }
      for (item, pair) in live {
        guard let (strength, time) = found[item] else { return "\(name) misses \(item)" }
        if abs(strength - pair.strength) > 1e-4 * max(1, abs(pair.strength)) {
          return "\(name) \(item): strength \(strength), not \(pair.strength)"
        }
        if time != pair.time { return "\(name) \(item): time \(time), not \(pair.time)" }
      }
      let seen = Set(state.users.seen(index).map { state.catalogue.items.string($0) })
      let expected = Set(live.keys).union(user.evicted)
      if seen != expected { return "\(name) has seen \(seen.symmetricDifference(expected)) differently" }
    }
    if state.users.count != users.count { return "\(state.users.count) users, not \(users.count)" }
    return nil
  }
}
