import StreamingRecommender

/// The number of candidates with a higher score than the event's item, and with the same score.
public struct PrequentialPlace: Sendable, Equatable {
  public let better: Int
  public let ties: Int

  public init(better: Int, ties: Int) {
    self.better = better
    self.ties = ties
  }

  /// The rank from 0, by the middle rule.
  public var rank: Double { RankingMetrics.rank(better: better, ties: ties) }
}

/// An event, with the items among which its item is ranked.
///
/// Users and items are numbered in the order of their first event.
public struct PrequentialEvent: Sendable {
  public let interaction: Interaction
  public let user: Int
  public let item: Int
  /// The number of items with an earlier event; their numbers are smaller than this.
  public let itemsSeen: Int
  /// The user's history without the event's item; empty if the event is not scored.
  public internal(set) var excluded: [Int32] = []

  public var isNewItem: Bool { item >= itemsSeen }
  /// Whether the event is positive; deletions and dislikes are not scored, and baselines do not learn from them.
  public var isLiked: Bool { interaction.operation != .delete && interaction.strength > 0 }

  /// Ranks the item by scores. The candidates are the item itself and the items seen so far without the user's history.
  ///
  /// - Parameters:
  ///   - score: the score of the event's item; NaN ranks last.
  ///   - scores: scores by item number, at least `itemsSeen` of them.
  public func place(score: Float, among scores: [Float]) -> PrequentialPlace {
    precondition(scores.count >= itemsSeen, "\(scores.count) scores for \(itemsSeen) items")
    guard !score.isNaN else { return PrequentialPlace(better: itemsSeen - excluded.count - (isNewItem ? 0 : 1), ties: 0) }
    var (better, ties) = (0, isNewItem ? 0 : -1)
    scores.withUnsafeBufferPointer { scores in
      for other in 0..<itemsSeen {
        better += scores[other] > score ? 1 : 0
        ties += scores[other] == score ? 1 : 0
      }
    }
    for other in excluded {
      better -= scores[Int(other)] > score ? 1 : 0
      ties -= scores[Int(other)] == score ? 1 : 0
    }
    return PrequentialPlace(better: better, ties: ties)
  }
}
