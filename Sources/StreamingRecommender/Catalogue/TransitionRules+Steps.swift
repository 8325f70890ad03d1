import Factorization

extension TransitionRules {
  /// Calls its argument for the live pairs of a user, newest first, until that returns false.
  typealias NewestFirst = ((_ item: Int32, _ strength: Float, _ order: InteractionOrder) -> Bool) -> Void

  /// The weighted transitions to `item` from the items that the user interacted with up to `order`.
  func steps(to item: Int32, at order: InteractionOrder, _ newestFirst: NewestFirst) -> [(from: Int32, count: Float)] {
    var step: Float = 1
    var steps: [(from: Int32, count: Float)] = []
    newestFirst { earlier, strength, time in
      guard earlier != item, strength > 0, time <= order else { return true }
      steps.append((earlier, step * weight(gapMilliseconds: order.timeMilliseconds - time.timeMilliseconds)))
      step *= decay
      return steps.count < last
    }
    return steps
  }

  /// Score boosts for the successors of the user's newest items. An item may occur several times; the boosts are summed in order.
  func boosts(_ transitions: TransitionCounts, _ newestFirst: NewestFirst) -> [ScoredItem] {
    let sources = sources(transitions, newestFirst)
    return Self.boosts(sources, count: sources.reduce(0) { $0 + $1.row.successors.count })
  }

  /// What each of the user's newest items adds to the score of one item.
  func boosts(to item: Int32, _ transitions: TransitionCounts, _ newestFirst: NewestFirst) -> [ScoredItem] {
    sources(transitions, newestFirst).compactMap { source in
      source.row.successors.first { $0.item == item }.map { ScoredItem(item: source.item, score: source.scale * $0.count) }
    }
  }

  private typealias Source = (item: Int32, row: TransitionCounts.Row, scale: Float)

  private func sources(_ transitions: TransitionCounts, _ newestFirst: NewestFirst) -> [Source] {
    var sources: [Source] = []
    sources.reserveCapacity(last)
    var step = weight
    var found = 0
    var newest: Int64?
    newestFirst { item, strength, order in
      guard strength > 0 else { return true }
      let gap = (newest ?? order.timeMilliseconds) - order.timeMilliseconds
      newest = newest ?? order.timeMilliseconds
      let row = transitions.row(item)
      if !row.successors.isEmpty {
        sources.append((item, row, step * weight(gapMilliseconds: gap) / (row.total + shrinkage)))
      }
      step *= decay
      found += 1
      return found < last
    }
    return sources
  }

  private static func boosts(_ sources: [Source], count: Int) -> [ScoredItem] {
    [ScoredItem](unsafeUninitializedCapacity: count) { boosts, used in
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

extension TransitionCounts {
  /// Counts the transitions of one event in both directions.
  mutating func count(_ steps: [(from: Int32, count: Float)], to item: Int32, backward: Float) {
    for (earlier, count) in steps {
      add(count, from: earlier, to: item)
      if backward > 0 { add(backward * count, from: item, to: earlier) }
    }
  }

  /// Subtracts the transitions of one event.
  mutating func subtract(_ steps: [(from: Int32, count: Float)], to item: Int32, backward: Float) {
    for (earlier, count) in steps {
      subtract(count, from: earlier, to: item)
      if backward > 0 { subtract(backward * count, from: item, to: earlier) }
    }
  }
}
