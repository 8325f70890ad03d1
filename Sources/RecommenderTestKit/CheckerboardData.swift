import Factorization

/// Synthetic data with equally many users and items: user u likes every item of the same colour (u + i even), and item u is withheld.
///
/// The best recommendation is therefore known by construction: of the items that user u has not seen, it is item u.
public struct CheckerboardData: Sendable {
  public let size: Int

  public init(size: Int) {
    precondition(size >= 4, "a checkerboard needs 4 users or more, got \(size)")
    self.size = size
  }

  /// Returns the items of a user in ascending order.
  public func items(of user: Int) -> [Int32] {
    (0..<size).filter { $0 != user && ($0 + user).isMultiple(of: 2) }.map(Int32.init)
  }

  public func withheldItem(of user: Int) -> Int32 { Int32(user) }

  public var matrix: InteractionMatrix {
    var matrix = InteractionMatrix(columns: size)
    for user in 0..<size {
      for item in items(of: user) { matrix.append(column: item, strength: 1) }
      matrix.endRow()
    }
    return matrix
  }
}
