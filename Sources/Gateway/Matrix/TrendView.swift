import Factorization
import ServingFormats

/// The trend as it was read last, with the order of the most popular items computed once.
public final class TrendView: Sendable {
  public let blob: TrendBlob
  /// The most popular items, best first, at most `orderMax`; the score is the decayed count.
  public let order: [ScoredItem]

  static let orderMax = 4_096

  public init(_ blob: TrendBlob) {
    self.blob = blob
    order = TopNSelector.largest(Self.orderMax, of: blob.accumulators).map {
      ScoredItem(item: $0.item, score: blob.decayedCount($0.item))
    }
  }

  /// Whether `order` holds every item that has a count.
  var isOrderComplete: Bool { order.count < Self.orderMax }
}
