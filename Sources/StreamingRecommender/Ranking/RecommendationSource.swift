/// How a list was computed; readers see it as `src`.
public enum RecommendationSource: String, Sendable, CaseIterable {
  /// From the last training, without later events.
  case personal
  /// Updated by fold-in after an event.
  case foldin
  case similar
  case popular
}
