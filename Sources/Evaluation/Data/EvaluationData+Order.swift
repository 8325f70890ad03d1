import Factorization
import StreamingRecommender

extension EvaluationData {
  /// Returns only the first event of each (user, item) pair.
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

  /// Shuffles the events of a user that have the same time; everything else keeps its position.
  ///
  /// For files whose order of ties is not that of the events, for example because they were sorted by item, which would give methods that
  /// use the order information about later events.
  public func shufflingTies(seed: UInt64) -> EvaluationData {
    var events = interactions
    var generator = SplitMix64(seed: seed)
    var start = 0
    while start < events.count {
      var end = start + 1
      while end < events.count, events[end].timeMilliseconds == events[start].timeMilliseconds { end += 1 }
      // Sorted by first position, because the order of a dictionary differs between processes.
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
