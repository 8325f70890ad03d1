import Factorization

extension RecommenderEngine {
  /// Counts the steps from the user's items before this event to its item, and back.
  mutating func countTransitions(user: Int32, item: Int32, at order: InteractionOrder) {
    guard let rules = settings.transitions else { return }
    var step: Float = 1
    var steps: [(item: Int32, count: Float)] = []
    store.forEachNewestFirst(user) { earlier, strength, time in
      guard earlier != item, strength > 0, time <= order else { return true }
      steps.append((earlier, step * rules.weight(gapMilliseconds: order.timeMilliseconds - time.timeMilliseconds)))
      step *= rules.decay
      return steps.count < rules.last
    }
    for (earlier, count) in steps {
      transitions.add(count, from: earlier, to: item)
      if rules.backward > 0 { transitions.add(rules.backward * count, from: item, to: earlier) }
    }
  }

  /// What the user's newest items add to the scores of their successors; several entries of an item add up, in their order.
  func boosts(_ user: Int32) -> [ScoredItem] {
    guard let rules = settings.transitions else { return [] }
    var sources: [(row: TransitionCounts.Row, scale: Float)] = []
    sources.reserveCapacity(rules.last)
    var step = rules.weight
    var found = 0
    var count = 0
    var newest: Int64?
    store.forEachNewestFirst(user) { item, strength, order in
      guard strength > 0 else { return true }
      let gap = (newest ?? order.timeMilliseconds) - order.timeMilliseconds
      newest = newest ?? order.timeMilliseconds
      let row = transitions.row(item)
      if !row.successors.isEmpty {
        sources.append((row, step * rules.weight(gapMilliseconds: gap) / (row.total + rules.shrinkage)))
        count += row.successors.count
      }
      step *= rules.decay
      found += 1
      return found < rules.last
    }
    return [ScoredItem](unsafeUninitializedCapacity: count) { boosts, used in
      for source in sources {
        source.row.successors.withUnsafeBufferPointer { successors in
          for successor in successors {
            boosts.initializeElement(at: used, to: ScoredItem(item: successor.item, score: source.scale * successor.count))
            used += 1
          }
        }
      }
    }
  }
}
