import StreamingRecommender

/// The methods that `freshet evaluate prequential --ablation` compares: the engine as configured, without its parts, and baselines.
public enum PrequentialRow: String, CaseIterable, Sendable {
  case full
  case withoutTransitions = "without-transitions"
  case withoutTrend = "without-trend"
  case withoutRecency = "without-recency"
  case withoutTrainingBlocks = "without-training-blocks"
  case withoutItemFoldIn = "without-item-fold-in"
  /// Keeps the model of the warm-up.
  case withoutRetrains = "without-retrains"
  case withoutTransitionsAndTrend = "without-transitions-and-trend"
  /// Without all of these parts: exact fold-ins with the model of the warm-up.
  case plain
  case popularity
  case recentPopularity = "recent-popularity"
  case isgd

  /// - Parameter threads: the number of threads of the engine's trainings.
  public func ranker(_ configuration: RecommenderConfiguration, threads: Int) -> any PrequentialRanker {
    switch self {
    case .popularity: PopularityBaseline()
    case .recentPopularity: PopularityBaseline.recent
    case .isgd: IncrementalSGD()
    default: PrequentialEngine(leavingOut(configuration), threads: threads, retrainsAfterFirst: !isWithoutRetrains)
    }
  }

  private var isWithoutRetrains: Bool { self == .withoutRetrains || self == .plain }

  private func leavingOut(_ configuration: RecommenderConfiguration) -> RecommenderConfiguration {
    var result = configuration
    if [.withoutTransitions, .withoutTransitionsAndTrend, .plain].contains(self) { result.model.transitions = nil }
    if [.withoutTrend, .withoutTransitionsAndTrend, .plain].contains(self) { result.model.trend = nil }
    if [.withoutRecency, .plain].contains(self) { result.model.recency = nil }
    if [.withoutTrainingBlocks, .plain].contains(self) { result.model.trainingBlock = nil }
    if [.withoutItemFoldIn, .plain].contains(self) { result.foldIn.items = .none }
    return result
  }
}
