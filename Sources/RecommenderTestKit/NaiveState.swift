import StreamingRecommender

/// Rebuilds the state from a whole log in the simplest way, with an independent implementation of the event rules. Tests compare the
/// engine's state with it after crashes.
public struct NaiveState {
  public struct PlainPair: Equatable {
    public var strength: Float
    public var time: Int64
    public var isDeleted: Bool
    var barrier: Int64?
    /// Whether the newest event was a `set`.
    var isSet = false
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
  private let dedupeWindow: Int
  /// The newest `add`s by partition, oldest first.
  private var recent: [String: [String]] = [:]
  private var merged: [String: String] = [:]

  public init(historyPerUser: Int, dedupeWindow: Int = 0) {
    historyMax = historyPerUser
    self.dedupeWindow = dedupeWindow
  }

  /// - Parameter partition: where the event arrived; its newest events are those that it may repeat.
  public mutating func apply(
    user sender: String, item: String, operation: Interaction.Operation, strength: Float, time: Int64, partition: String = ""
  ) {
    if operation == .add, dedupeWindow > 0 {
      let event = "\(sender) \(item) \(strength) \(time)"
      if recent[partition]?.contains(event) == true { return }
      recent[partition, default: []].append(event)
      recent[partition] = recent[partition]?.suffix(dedupeWindow)
    }
    eventsApplied += 1
    arrivals += 1
    let user = merged[sender] ?? sender
    var state = users[user] ?? PlainUser()
    defer { users[user] = state }
    guard var pair = state.pairs[item] else {
      let isReplacement = operation == .set || operation == .delete
      enter(
        item,
        PlainPair(
          strength: operation == .delete ? 0 : strength, time: time, isDeleted: operation == .delete, barrier: isReplacement ? time : nil,
          isSet: operation == .set, arrival: arrivals), &state)
      return
    }
    switch operation {
    case .add, .once:
      if let barrier = pair.barrier, time < barrier { return }
      pair.strength = operation == .add ? pair.strength + strength : Self.stronger(pair.strength, strength)
      pair.isDeleted = false
      pair.isSet = false
      if time > pair.time { (pair.time, pair.arrival) = (time, arrivals) }
    case .set, .delete:
      if time < pair.time { return }
      if time > pair.time { (pair.time, pair.arrival) = (time, arrivals) }
      pair.isDeleted = operation == .delete
      pair.strength = operation == .delete ? 0 : strength
      pair.barrier = time
      pair.isSet = operation == .set
    }
    state.pairs[item] = pair
  }

  /// - Parameter row: of the archive.
  mutating func apply(_ row: ArchivedInteraction, partition: String) {
    let user = String(decoding: row.user, as: UTF8.self)
    let operation: Interaction.Operation
    switch row.operation {
    case .forget: return forget(user: user)
    case .merge: return merge(user: user, into: String(decoding: row.mergedInto ?? [], as: UTF8.self))
    case .add: operation = .add
    case .set: operation = .set
    case .delete: operation = .delete
    case .once: operation = .once
    }
    apply(
      user: user, item: String(decoding: row.item ?? [], as: UTF8.self), operation: operation, strength: row.strength,
      time: row.timeMilliseconds, partition: partition)
  }

  private static func stronger(_ a: Float, _ b: Float) -> Float { [a, b].max { (abs($0), $0) < (abs($1), $1) }! }

  private func enter(_ item: String, _ pair: PlainPair, _ state: inout PlainUser) {
    let oldest = state.pairs.values.map { ($0.time, $0.arrival) }.min { $0 < $1 }
    state.evicted.removeAll { $0 == item }
    if state.pairs.count >= historyMax, let oldest, oldest.0 > pair.time {
      if !pair.isDeleted { state.evicted.append(item) }
      return
    }
    state.pairs[item] = pair
    guard state.pairs.count > historyMax else { return }
    let (name, old) = state.pairs.min { ($0.value.time, $0.value.arrival) < ($1.value.time, $1.value.arrival) }!
    state.pairs[name] = nil
    if !old.isDeleted { state.evicted.append(name) }
  }

  public mutating func forget(user: String) {
    eventsApplied += 1
    users[user] = nil
    merged[user] = nil
    merged = merged.filter { $0.value != user }
  }

  public mutating func merge(user: String, into other: String) {
    eventsApplied += 1
    let target = merged[other] ?? other
    if target == user || merged[user] == target { return }
    for (id, into) in merged where into == user { merged[id] = target }
    merged[user] = target
    guard let moved = users.removeValue(forKey: user) else { return }
    var state = users[target] ?? PlainUser()
    defer { users[target] = state }
    for (item, pair) in moved.pairs.sorted(by: { ($0.value.time, $0.value.arrival) < ($1.value.time, $1.value.arrival) }) {
      arrivals += 1
      if let own = state.pairs[item] {
        state.pairs[item] = merged(own, pair)
      } else {
        var pair = pair
        pair.arrival = arrivals
        enter(item, pair, &state)
      }
    }
    state.evicted += moved.evicted.filter { state.pairs[$0] == nil && !state.evicted.contains($0) }
  }

  private func merged(_ a: PlainPair, _ b: PlainPair) -> PlainPair {
    let barrier = [a.barrier, b.barrier].compactMap { $0 }.max()
    let counting = [a, b].filter { $0.time >= barrier ?? .min }
    var result = counting[0]
    if counting.count == 2 {
      result.strength = a.isSet && b.isSet ? a.strength : a.strength + b.strength
      result.time = max(a.time, b.time)
      result.isDeleted = barrier != nil && result.time == barrier && (a.isDeleted || b.isDeleted)
      if result.isDeleted { result.strength = 0 }
    }
    result.barrier = barrier
    if counting.count == 2 { result.isSet = a.isSet && b.isSet }
    result.arrival = result.time > a.time ? arrivals : a.arrival
    return result
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
