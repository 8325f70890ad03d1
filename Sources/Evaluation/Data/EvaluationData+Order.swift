import Factorization
import StreamingRecommender

extension EvaluationData {
  /// Without the events of a (user, item) pair that an earlier event has.
  public func firstOccurrences() -> EvaluationData {
    var users = IdentifierTable()
    var items = IdentifierTable()
    var pairs: Set<UInt64> = []
    return EvaluationData(
      interactions.filter {
        let user = UInt64(users.intern($0.user).index)
        return pairs.insert(user << 32 | UInt64(items.intern($0.item).index)).inserted
      })
  }

  /// The events of a user at one and the same time in random order; all else stays where it is.
  ///
  /// For files whose order within a moment is not that of the events, such as one that was sorted by item: it would tell a method that
  /// looks at order what comes next.
  public func shufflingTies(seed: UInt64) -> EvaluationData {
    var events = interactions
    var generator = SplitMix64(seed: seed)
    var start = 0
    while start < events.count {
      var end = start + 1
      while end < events.count, events[end].timeMilliseconds == events[start].timeMilliseconds { end += 1 }
      // By first place: a dictionary has an order of its own in each process.
      let groups = Dictionary(grouping: start..<end) { interactions[$0].user }.values.sorted { $0[0] < $1[0] }
      for places in groups {
        for last in stride(from: places.count - 1, to: 0, by: -1) {
          events.swapAt(places[last], places[Int(generator.next(upperBound: UInt64(last + 1)))])
        }
      }
      start = end
    }
    return EvaluationData(events)
  }
}
