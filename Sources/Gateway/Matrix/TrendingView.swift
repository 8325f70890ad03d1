import Factorization
import ServingFormats
import StreamingRecommender

/// What trends, as it was read last: the items of each window in the order of their events.
public final class TrendingView: Sendable {
  public let madeAtMilliseconds: Int64
  public let countedFromMilliseconds: Int64
  private let orders: [TrendingWindow: [ScoredItem]]

  public init(_ blob: TrendingBlob) {
    madeAtMilliseconds = blob.madeAtMilliseconds
    countedFromMilliseconds = blob.countedFromMilliseconds
    orders = blob.windows.mapValues { entries in
      // Of equal items, the one that came first goes first.
      entries.sorted { ($0.events, $1.item) > ($1.events, $0.item) }.map { ScoredItem(item: $0.item, score: Float($0.events)) }
    }
  }

  /// Best first; the score is the number of events.
  public func order(_ window: TrendingWindow) -> [ScoredItem] { orders[window] ?? [] }

  /// Whether events were counted for the whole window.
  public func isComplete(_ window: TrendingWindow) -> Bool {
    madeAtMilliseconds - countedFromMilliseconds >= Int64(window.seconds) * 1_000
  }
}
