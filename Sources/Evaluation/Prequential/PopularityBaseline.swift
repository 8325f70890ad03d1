import StreamingRecommender

/// Ranks items by the number of events so far, equally for all users; a baseline, and a check of the evaluator.
public struct PopularityBaseline: PrequentialRanker {
  /// The half-life of `recent` in events.
  public static let recentHalfLife = 2_000.0

  private var counter: TrendCounter
  private var counts: [Float] { counter.accumulators }

  public init() { self.init(halfLife: .infinity) }

  /// - Parameter halfLife: the number of events in which a count is halved.
  public init(halfLife: Double) { counter = TrendCounter(halfLife: halfLife) }

  /// Ranks by counts that decay with `recentHalfLife`.
  public static var recent: PopularityBaseline { PopularityBaseline(halfLife: recentHalfLife) }

  public func place(of event: PrequentialEvent) -> PrequentialPlace {
    // Items without a liked event so far have no count.
    let uncounted = event.itemsSeen - counts.count
    let scores = uncounted > 0 ? counts + repeatElement(0, count: uncounted) : counts
    return event.place(score: event.item < scores.count ? scores[event.item] : 0, among: scores)
  }

  public mutating func learn(_ event: PrequentialEvent) {
    if event.isLiked { _ = counter.count(Int32(event.item)) }
  }
}
