import ItemMetadata
import ServingFormats
import StreamingRecommender

/// What is known of the person for whom items are scored.
public struct Taste: Sendable {
  /// The vector, of as many floats as the matrix has factors; all zero for a person without taste.
  public var vector: [Float]
  /// What the person has seen, ascending.
  public var seen: [Int32]
  /// What transitions add to the scores of items, ascending by item.
  public var boosts: [UserRow.Boost]
  /// The source of items that the vector and the boosts put into a list.
  public var source: ItemSource

  public init(_ row: UserRow) {
    self.init(vector: row.factors, seen: row.seen, boosts: row.boosts, source: row.isFoldedIn ? .foldin : .personal)
  }

  public init(vector: [Float], seen: [Int32], boosts: [UserRow.Boost] = [], source: ItemSource) {
    self.vector = vector
    self.seen = seen
    self.boosts = boosts
    self.source = source
  }

  /// Without it scores come from the trend alone.
  public var hasTaste: Bool { vector.contains { $0 != 0 } }
}
