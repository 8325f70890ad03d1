/// An item that may appear in a list, with the score that the model gave it.
public struct ListCandidate: Sendable, Equatable {
  public var item: Int32
  public var score: Float
  public var source: ItemSource
  public init(item: Int32, score: Float, source: ItemSource) {
    self.item = item
    self.score = score
    self.source = source
  }
}
