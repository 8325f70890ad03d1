/// The newest pairs of a frozen state, held out to evaluate a candidate model.
public struct Holdout: Sendable {
  /// Maximum number of held-out pairs.
  static let pairsMax = 20_000
  /// Minimum number of held-out pairs. With fewer, a candidate is accepted if it is finite.
  public static let pairsMin = 500

  /// Pairs at or after this order are held out.
  let threshold: InteractionOrder
  /// Users with held-out pairs.
  let users: [UserReference]
  let pairs: Int

  /// Returns `nil` if there are too few pairs.
  ///
  /// - Parameter eventsSinceFreeze: number of events since the freeze of the live model.
  init?(_ all: UserPartitions, eventsSinceFreeze: Int) {
    let wanted = min(all.pairCount / 10, eventsSinceFreeze, Self.pairsMax)
    guard wanted >= Self.pairsMin, let threshold = Self.threshold(all, wanted) else { return nil }
    self.threshold = threshold
    var users: [UserReference] = []
    var pairs = 0
    for user in all.references {
      let before = pairs
      all.forEachNewestFirst(user) { _, _, order in
        guard order >= threshold else { return false }
        pairs += 1
        return true
      }
      if pairs > before { users.append(user) }
    }
    self.users = users
    self.pairs = pairs
  }

  private static func threshold(_ all: UserPartitions, _ wanted: Int) -> InteractionOrder? {
    var newest = BoundedNewest(capacity: wanted)
    for user in all.references {
      all.forEachNewestFirst(user) { _, _, order in newest.offer(order) }
    }
    guard let oldest = newest.oldest else { return nil }
    var reached = 0
    for user in all.references {
      all.forEachNewestFirst(user) { _, _, order in
        if order >= oldest { reached += 1 }
        return order >= oldest
      }
    }
    if reached <= wanted { return oldest }
    // All pairs with the timestamp at the cut stay in the training set, because they would fall on both sides of the cut.
    return newest.count(above: oldest) >= pairsMin ? InteractionOrder(word: oldest.word + 1) : nil
  }

  /// Trend and transitions without the held-out pairs, so that the evaluated lists do not use the data that they are evaluated on. Trend
  /// shares are exact; successors that a held-out transition evicted from a full row are not restored.
  func signals(_ state: EngineState, _ settings: EngineSettings) -> (trend: TrendCounter, transitions: TransitionCounts) {
    var transitions = state.catalogue.transitions
    var heldOut: [(order: InteractionOrder, item: Int32)] = []
    for user in users {
      state.users.forEachNewestFirst(user) { item, strength, order in
        guard order >= threshold else { return false }
        guard strength > 0 else { return true }
        heldOut.append((order, item))
        if let rules = settings.transitions {
          let steps = rules.steps(to: item, at: order) { state.users.forEachNewestFirst(user, $0) }
          transitions.subtract(steps, to: item, backward: rules.backward)
        }
        return true
      }
    }
    heldOut.sort { $0.order == $1.order ? $0.item < $1.item : $0.order > $1.order }
    return (state.catalogue.trend.without(newestFirst: heldOut.map(\.item)), transitions)
  }
}

/// Keeps the newest of many orders in a bounded min-heap.
struct BoundedNewest {
  private var heap: [InteractionOrder] = []
  private let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  var oldest: InteractionOrder? { heap.first }
  func count(above order: InteractionOrder) -> Int { heap.count { $0 > order } }

  /// Returns false if `order` is older than all kept orders; the caller can then skip everything older.
  mutating func offer(_ order: InteractionOrder) -> Bool {
    if heap.count < capacity {
      heap.append(order)
      var at = heap.count - 1
      while at > 0, heap[(at - 1) / 2] > heap[at] {
        heap.swapAt(at, (at - 1) / 2)
        at = (at - 1) / 2
      }
      return true
    }
    guard order > heap[0] else { return false }
    heap[0] = order
    var at = 0
    while true {
      var child = 2 * at + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[at] else { break }
      heap.swapAt(child, at)
      at = child
    }
    return true
  }
}
