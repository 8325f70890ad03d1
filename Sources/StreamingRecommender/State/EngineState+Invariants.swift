extension EngineState {
  /// Checks the invariants of the state and returns a description of the first violation, or `nil`. Used by tests and the simulation.
  public func violatedInvariant() -> String? {
    var pairs = 0
    for user in users.references {
      let history = users.history(user)
      let name = users.string(user)
      if !users.isPresent(user) {
        if history != UserHistory() { return "a forgotten user still has a history of \(history.pairs.count) pairs" }
        if users.vectorState(user) != .none { return "a forgotten user still has a vector" }
        continue
      }
      if users.partition(ofID: users.name(user)) != user.partition { return "\(name) is stored in partition \(user.partition)" }
      if let violation = history.violatedInvariant(users.limits) { return "\(name): \(violation)" }
      pairs += history.liveCount
    }
    return pairs == users.pairCount ? nil : "\(users.pairCount) pairs counted, \(pairs) stored"
  }
}

extension UserHistory {
  /// Describes the first violated invariant of this history, or returns `nil`.
  func violatedInvariant(_ limits: HistoryLimits) -> String? {
    if pairs.count > limits.historyPerUser { return "\(pairs.count) pairs" }
    if Set(pairs.map(\.item)).count != pairs.count { return "an item occurs twice" }
    if zip(pairs, pairs.dropFirst()).contains(where: { $0.order > $1.order }) { return "the history is out of order" }
    if pairs.contains(where: { !$0.strength.isFinite || abs($0.strength) > limits.maxStrength }) { return "a strength is out of bounds" }
    for pair in pairs where (pair.state == .addedAfterBarrier) != (barrier(pair.item) != nil) { return "a barrier does not match its pair" }
    if !Set(evicted).isDisjoint(with: pairs.map(\.item)) { return "an evicted item is in the history" }
    if evicted.count + pairs.count > max(limits.seenPerUser, limits.historyPerUser) { return "too many seen items" }
    return nil
  }
}
