import StreamingRecommender

/// What events say of the lists that stood: by hour of the newest event and source.
public struct LiveQualityReport: Sendable, Equatable {
  public typealias Tally = LiveQuality.Tally

  /// The current hour and the one before, the 24 hours up to now, and the 24 before them.
  public var hour: [RecommendationSource: Tally] = [:]
  public var day: [RecommendationSource: Tally] = [:]
  public var dayBefore: [RecommendationSource: Tally] = [:]
  /// Since the start of the process.
  public var totals: [RecommendationSource: Tally] = [:]
  /// One user in so many is looked at.
  public var sampling = 16

  init() {}

  init(_ quality: LiveQuality, nowMilliseconds: Int64) {
    hour = quality.tally(ofHours: 0..<2, before: nowMilliseconds)
    day = quality.tally(ofHours: 0..<24, before: nowMilliseconds)
    dayBefore = quality.tally(ofHours: 24..<48, before: nowMilliseconds)
    totals = quality.totals
    sampling = Int(quality.sampling)
  }

  /// The sum over all sources.
  public static func total(_ tallies: [RecommendationSource: Tally]) -> Tally { tallies.values.reduce(Tally(), +) }
}
