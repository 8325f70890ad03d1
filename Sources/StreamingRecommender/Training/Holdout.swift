/// The newest pairs of a frozen state, kept aside to judge a candidate by.
public struct Holdout: Sendable {
  /// Kept aside at most.
  static let pairsMax = 20_000
  /// Below this many, a candidate is accepted when it is finite.
  public static let pairsMin = 500

  /// Pairs at or after this order are held out.
  let threshold: InteractionOrder
  /// Users with held-out pairs.
  let users: [UserReference]
  let pairs: Int

  /// `nil` when there are too few pairs.
  ///
  /// - Parameter eventsSinceFreeze: events that the live model has not seen.
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
    // Pairs of one time stand on both sides of the cut, perhaps all there are: that time stays in the training.
    return newest.count(above: oldest) >= pairsMin ? InteractionOrder(word: oldest.word + 1) : nil
  }

  /// Trend and transitions of the catalogue as far as the held-out pairs can be taken out again: a list that is judged must not know
  /// what it is judged by. Exact for the shares; counts that a full row had evicted for a held-out step do not come back.
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

/// Keeps the newest of many orders: a binary heap with the oldest of them first.
struct BoundedNewest {
  private var heap: [InteractionOrder] = []
  private let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  var oldest: InteractionOrder? { heap.first }
  func count(above order: InteractionOrder) -> Int { heap.count { $0 > order } }

  /// False when `order` is older than all that is kept: whatever is older still can be left out too.
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
