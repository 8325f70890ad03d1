/// A user of a static test, with the row of its history and its test items.
public struct HeldOutUser: Sendable, Equatable {
  /// Identifies the user; the same in every split of a data set.
  public var user: Int
  /// The row of the user's history and factors.
  public var row: Int
  /// Test items that a list can contain, ascending.
  public var items: [Int32]
  /// The number of test items that are not in the training set; no list can contain them, so they count as misses.
  public var unknownItems: Int

  public var testItems: Int { items.count + unknownItems }

  init(user: Int, row: Int, items: [Int32], unknownItems: Int = 0) {
    self.user = user
    self.row = row
    self.items = items
    self.unknownItems = unknownItems
  }

  /// Returns the liked pairs of a test set by user, for users in the training set, in the order of its rows.
  static func users(of test: StaticPairs, knownTo training: StaticPairs) -> [HeldOutUser] {
    let columns = (0..<test.items.count).map { test.items.withName($0) { training.items.place(of: $0) } }
    return (0..<test.matrix.rows).compactMap { row in
      guard let known = test.users.withName(row, { training.users.place(of: $0) }) else { return nil }
      let liked = test.matrix.likedColumns(of: row)
      guard !liked.isEmpty else { return nil }
      let items = liked.compactMap { columns[Int($0)] }
      return HeldOutUser(user: Int(known), row: Int(known), items: items, unknownItems: liked.count - items.count)
    }
  }
}
