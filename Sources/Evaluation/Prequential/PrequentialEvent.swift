import StreamingRecommender

/// Candidates before an event's item: those with a higher score, and others with the same.
public struct PrequentialPlace: Sendable, Equatable {
  public let better: Int
  public let ties: Int

  public init(better: Int, ties: Int) {
    self.better = better
    self.ties = ties
  }

  /// From 0, by the middle rule.
  public var rank: Double { RankingMetrics.rank(better: better, ties: ties) }
}

/// An event, and among what its item is to be ranked.
///
/// Users and items have numbers in the order of their first event.
public struct PrequentialEvent: Sendable {
  public let interaction: Interaction
  public let user: Int
  public let item: Int
  /// Items with an event before this one: their numbers are those below.
  public let itemsSeen: Int
  /// The user's history without the event's item; empty for an event that is not scored.
  public internal(set) var excluded: [Int32] = []

  public var isNewItem: Bool { item >= itemsSeen }
  /// Whether the user wanted the item: a deletion or a dislike is no hit to look for, and nothing that a baseline learns from.
  public var isLiked: Bool { interaction.operation != .delete && interaction.strength > 0 }

  /// Where the item stands for a method that has a score for each item: the candidates are the items seen so far, without the user's
  /// history, and the item itself.
  ///
  /// - Parameters:
  ///   - score: of the event's item; one that is not a number is the last.
  ///   - scores: by item number, at least `itemsSeen`.
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
