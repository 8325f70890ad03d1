import Foundation

@testable import StreamingRecommender

/// The rules of the event contract in their plainest form: a pair keeps every event that counts, and sums are made when asked.
struct PlainStore {
  struct Event {
    var operation: Interaction.Operation
    var strength: Double
    var order: InteractionOrder
  }

  struct PlainPair {
    var events: [Event]
    /// Grows with each move in the history: where times are equal, the pair that moved last is the newer one.
    var place: Int
    var order: InteractionOrder { events.map(\.order).max()! }
    var isLive: Bool { events.count > 1 || events[0].operation != .delete }
  }

  struct User {
    var pairs: [String: PlainPair] = [:]
    /// Oldest first.
    var evicted: [String] = []
  }

  let limits: HistoryLimits
  private(set) var users: [String: User] = [:]
  private var places = 0

  init(_ limits: HistoryLimits) { self.limits = limits }

  /// False when the event is stale.
  mutating func apply(_ event: Interaction, partition: UInt16) -> Bool {
    let order = InteractionOrder(timeMilliseconds: event.timeMilliseconds, partition: partition)
    let item = String(decoding: event.item, as: UTF8.self)
    var user = users[String(decoding: event.user, as: UTF8.self)] ?? User()
    defer { users[String(decoding: event.user, as: UTF8.self)] = user }
    let new = Event(operation: event.operation, strength: Double(event.strength), order: order)
    places += 1
    guard var pair = user.pairs[item] else {
      enter(new, item, &user)
      return true
    }
    let before = pair.order
    if Self.isCombined(event.operation) {
      if !Self.isCombined(pair.events[0].operation), order < pair.events[0].order { return false }
      pair.events.append(new)
    } else {
      if order < pair.order { return false }
      pair.events = [new]
    }
    if pair.order != before { pair.place = places }
    user.pairs[item] = pair
    return true
  }

  private static func isCombined(_ operation: Interaction.Operation) -> Bool { operation == .add || operation == .once }

  private func enter(_ event: Event, _ item: String, _ user: inout User) {
    user.evicted.removeAll { $0 == item }
    if user.pairs.count >= limits.historyPerUser, user.pairs.values.allSatisfy({ event.order < $0.order }) {
      if event.operation != .delete { note(item, &user) }
      return
    }
    user.pairs[item] = PlainPair(events: [event], place: places)
    guard user.pairs.count > limits.historyPerUser else { return }
    let oldest = user.pairs.min { ($0.value.order, $0.value.place) < ($1.value.order, $1.value.place) }!
    user.pairs[oldest.key] = nil
    if oldest.value.isLive { note(oldest.key, &user) }
  }

  private func note(_ item: String, _ user: inout User) {
    user.evicted.append(item)
    let room = max(0, limits.seenPerUser - user.pairs.count)
    if user.evicted.count > room { user.evicted.removeFirst(user.evicted.count - room) }
  }

  mutating func forget(_ user: String) { users[user] = nil }

  /// As of the pair's newest event.
  func strength(_ pair: PlainPair) -> Double {
    let newest = pair.order.timeMilliseconds
    return pair.events.filter { $0.operation != .delete }.reduce(0) { total, event in
      let decay = limits.halfLifeMilliseconds.map { exp2(-Double(newest - event.order.timeMilliseconds) / $0) } ?? 1
      let strength = event.strength * decay
      return event.operation == .once ? [total, strength].max { (abs($0), $0) < (abs($1), $1) }! : total + strength
    }
  }

  /// What differs from `store`; `nil` when nothing does.
  func difference(from store: EngineState) -> String? {
    if store.users.count != users.count { return "\(store.users.count) users, expected \(users.count)" }
    var live = 0
    for (name, user) in users {
      guard let index = store.users.find(Array(name.utf8)) else { return "\(name) is missing" }
      let history = store.users.history(index).pairs
      let expected = user.pairs.sorted { ($0.value.order, $0.value.place) < ($1.value.order, $1.value.place) }
      let items = history.map { store.catalogue.items.string($0.item) }
      if items != expected.map(\.key) { return "\(name) has \(items), expected \(expected.map(\.key))" }
      for (pair, (item, plain)) in zip(history, expected) {
        live += plain.isLive ? 1 : 0
        if pair.isLive != plain.isLive { return "\(name) \(item): live \(pair.isLive)" }
        if pair.order != plain.order { return "\(name) \(item): order \(pair.order), expected \(plain.order)" }
        let strength = self.strength(plain)
        if abs(Double(pair.strength) - strength) > 1e-6 * max(1, plain.events.reduce(0) { $0 + abs($1.strength) }) {
          return "\(name) \(item): strength \(pair.strength), expected \(strength)"
        }
      }
      let seen = (user.evicted + user.pairs.filter { $0.value.isLive }.keys).sorted()
      let storeSeen = store.users.seen(index).map { store.catalogue.items.string($0) }.sorted()
      if storeSeen != seen { return "\(name) has seen \(storeSeen), expected \(seen)" }
    }
    return store.users.pairCount == live ? nil : "\(store.users.pairCount) pairs, expected \(live)"
  }
}

/// The state after these events.
func state(after events: [Interaction], _ limits: HistoryLimits = HistoryLimits(), partition: UInt16 = 0) -> EngineState {
  var state = EngineState(limits: limits)
  for event in events {
    _ = state.apply(event, order: InteractionOrder(timeMilliseconds: event.timeMilliseconds, partition: partition))
  }
  return state
}

func event(
  _ user: String, _ item: String, _ operation: Interaction.Operation = .add, strength: Float = 1, time: Int64
) -> Interaction {
  Interaction(user: Array(user.utf8), item: Array(item.utf8), strength: strength, timeMilliseconds: time, operation: operation)
}
