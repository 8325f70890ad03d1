import Factorization

extension RecommenderEngine {
  /// Where an item stands for a user among all items seen so far: how many score higher, how many the same.
  ///
  /// - Parameters:
  ///   - item: `nil` for one that has never been seen: it scores 0.
  ///   - user: `nil` for an unknown one: ranked by decayed counts.
  ///   - excluded: items that are no candidates; the item itself is one whatever stands here.
  public mutating func rank(of item: Int32?, for user: Int32?, excluded: [Int32], _ scratch: EngineScratch) -> (better: Int, ties: Int) {
    let factors = settings.parameters.factors
    var vector = [Float](repeating: 0, count: factors)
    var isKnown = false
    if let user, model != nil {
      bringUpToDate([user], scratch)
      vector = served.vector(user) ?? vector
      isKnown = vector.contains { $0 != 0 }
    }
    let weight = settings.trendWeight > 0 ? settings.trendWeight : isKnown ? 0 : 1
    let coefficient = weight > 0 ? trend.coefficient(weight: weight) : 0
    let count = store.items.capacity
    let boosts = user.map(boosts) ?? []
    vector.withUnsafeBufferPointer {
      scratch.selectors[0].scores(
        of: panels, for: .init(factors: $0, biasWeight: coefficient, excluded: excluded.filter { $0 != item }, boosts: boosts),
        into: &scratch.scores)
    }
    if scratch.scores.count < count { scratch.scores.append(contentsOf: repeatElement(0, count: count - scratch.scores.count)) }
    // Items that came after the panels were laid out have no vector, only a count and what follows from the order of items.
    let laidOut = min(panels.items, count)
    for late in laidOut..<count {
      scratch.scores[late] = late < trend.accumulators.count ? coefficient * trend.accumulators[late] : 0
    }
    for boost in boosts where Int(boost.item) >= laidOut { scratch.scores[Int(boost.item)] += boost.score }
    for other in excluded where Int(other) >= laidOut && other != item { scratch.scores[Int(other)] = -.infinity }
    let score = item.map { scratch.scores[Int($0) < laidOut ? panels.position(Int($0)) : Int($0)] } ?? 0
    let (greater, equal) = scratch.selectors[0].countAbove(score, in: scratch.scores, count: count)
    return (greater, item == nil ? equal : equal - 1)
  }
}
