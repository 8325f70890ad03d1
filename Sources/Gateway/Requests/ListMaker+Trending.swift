import Factorization
import HTTPServing
import ItemMetadata
import ServingFormats
import StreamingRecommender

// The items with the most events in a window.
extension ListMaker {
  public func trending(_ window: TrendingWindow, _ options: ListOptions) throws(Problem) -> ListAnswer {
    guard let trending = view.trending else {
      throw Problem(
        .notFound, "the engine publishes nothing that trends",
        fix: "run the engine with publish.rows=true; it writes the windows within seconds of its first events")
    }
    guard let matrix = view.newest else {
      throw Problem(
        .unavailable, "the items of the engine are not loaded yet", fix: "see GET /readyz", headers: [.init("Retry-After", "1")])
    }
    var answer = listed(
      items(of: trending, window, matrix, options), matrix, options, .trending, madeAt: trending.madeAtMilliseconds)
    answer.window = window
    if !trending.isComplete(window) { answer.degraded = .window }
    return answer
  }

  /// The first items of the window that may be shown and pass.
  private func items(
    of trending: TrendingView, _ window: TrendingWindow, _ matrix: ItemMatrix, _ options: ListOptions
  ) -> [ScoredItem] {
    let (candidates, unavailable) = candidates(options, matrix)
    let excluded = Set(unavailable + unlisted(options, matrix))
    let passing = candidates.items
    let end = options.page(countDefault).upperBound
    let numbers = matrix.trend.blob
    return Array(
      trending.order(window).lazy.filter { entry in
        passing?.contains(entry.item) ?? true && !excluded.contains(entry.item) && matrix.directory.id(entry.item) != nil
          && numbers.isValid(itemMax: entry.item, madeAtMilliseconds: trending.madeAtMilliseconds)
      }.prefix(end))
  }
}
