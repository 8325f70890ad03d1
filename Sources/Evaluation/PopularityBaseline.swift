/// Ranks by the number of events so far; the baseline beside every figure, and the check on the evaluator itself.
struct PopularityBaseline {
  private var counts: [Float] = []

  mutating func count(_ item: Int) {
    if counts.count <= item { counts.append(contentsOf: repeatElement(0, count: item + 1 - counts.count)) }
    counts[item] += 1
  }

  /// - Parameters:
  ///   - item: `nil` for one that nobody has seen.
  ///   - excluded: the user's history without the item.
  func rank(of item: Int?, excluded: [Int]) -> Double {
    let score = item.map { counts[$0] } ?? 0
    var better = 0
    var ties = 0
    for other in counts.indices {
      better += counts[other] > score ? 1 : 0
      ties += counts[other] == score ? 1 : 0
    }
    for other in excluded {
      better -= counts[other] > score ? 1 : 0
      ties -= counts[other] == score ? 1 : 0
    }
    if item != nil { ties -= 1 }
    return RankingMetrics.rank(better: better, ties: ties)
  }
}
