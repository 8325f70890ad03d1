/// An item index with its score.
public struct ScoredItem: Sendable, Equatable {
  public var item: Int32
  public var score: Float
  public init(item: Int32, score: Float) {
    self.item = item
    self.score = score
  }
}
