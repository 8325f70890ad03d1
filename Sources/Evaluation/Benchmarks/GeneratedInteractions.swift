import Factorization

/// A seeded matrix of interactions that looks like a shop: popular items (Zipf), busy users, and tastes to learn.
///
/// Each item belongs to one of 32 tastes, each user has three; a pair comes from one of the user's tastes in nine of ten cases.
public struct GeneratedInteractions: Sendable, Equatable {
  public var users: Int
  public var items: Int
  /// Pairs drawn; those that a user already has are dropped, so that the matrix holds somewhat fewer.
  public var pairs: Int
  public var seed: UInt64 = 42

  public init(users: Int, items: Int, pairs: Int) {
    precondition(users > 0 && items > 0 && pairs >= 0, "\(users) users, \(items) items, \(pairs) pairs")
    self.users = users
    self.items = items
    self.pairs = pairs
  }

  /// `USERSxITEMSxPAIRS`, such as `30000x41000x810000`; `nil` when it is not that.
  public init?(text: String) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 3, let users = parts[0], let items = parts[1], let pairs = parts[2] else { return nil }
    guard users > 0, items > 0, pairs > 0, users <= Int(Int32.max), items <= Int(Int32.max) else { return nil }
    self.init(users: users, items: items, pairs: pairs)
  }

  public var matrix: InteractionMatrix {
    var random = SplitMix64(seed: seed)
    let tastes = GeneratedTastes(items: items)
    var matrix = InteractionMatrix(columns: items)
    matrix.reserve(rows: users, entries: pairs)
    var drawn = 0
    for user in 0..<users {
      let own = tastes.ofUser(&random)
      // Activity: exponential around the mean of what is left.
      let left = users - user
      let mean = Double(pairs - drawn) / Double(left)
      let wanted = left == 1 ? pairs - drawn : min(pairs - drawn, Int(-log2Of(1 - random.nextShare()) * 0.6931 * mean + 0.5))
      drawn += wanted
      var row = Set<Int32>()
      for _ in 0..<min(wanted, items) { row.insert(tastes.item(of: own, &random)) }
      for item in row.sorted() { matrix.append(column: item, strength: 1) }
      matrix.endRow()
    }
    return matrix
  }
}
