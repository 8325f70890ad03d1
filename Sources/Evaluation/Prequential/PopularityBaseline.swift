import StreamingRecommender

/// Ranks by the number of events so far, the same for everybody; the baseline beside every figure, and the check on the evaluator itself.
public struct PopularityBaseline: PrequentialRanker {
  /// Half-life of `recent`, in events.
  public static let recentHalfLife = 2_000.0

  private var counter: TrendCounter
  private var counts: [Float] { counter.accumulators }

  public init() { self.init(halfLife: .infinity) }

  /// - Parameter halfLife: events after which a count is worth half.
  public init(halfLife: Double) { counter = TrendCounter(halfLife: halfLife) }

  /// By decayed counts: what is popular now.
  public static var recent: PopularityBaseline { PopularityBaseline(halfLife: recentHalfLife) }

  public func place(of event: PrequentialEvent) -> PrequentialPlace {
    // Items that nobody has liked so far have no count.
    let uncounted = event.itemsSeen - counts.count
    let scores = uncounted > 0 ? counts + repeatElement(0, count: uncounted) : counts
    return event.place(score: event.item < scores.count ? scores[event.item] : 0, among: scores)
  }

  public mutating func learn(_ event: PrequentialEvent) {
    if event.isLiked { _ = counter.count(Int32(event.item)) }
  }
}
