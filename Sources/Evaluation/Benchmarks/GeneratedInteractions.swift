import Factorization

/// A seeded synthetic matrix of interactions with popular items (Zipf), users of different activity, and tastes that can be learned.
///
/// Each item belongs to one of 32 tastes and each user has three; nine of ten pairs come from one of the user's tastes.
public struct GeneratedInteractions: Sendable, Equatable {
  public var users: Int
  public var items: Int
  /// The number of pairs drawn. Repeated pairs are dropped, so the matrix has somewhat fewer.
  public var pairs: Int
  public var seed: UInt64 = 42

  public init(users: Int, items: Int, pairs: Int) {
    precondition(users > 0 && items > 0 && pairs >= 0, "\(users) users, \(items) items, \(pairs) pairs")
    self.users = users
    self.items = items
    self.pairs = pairs
  }

  /// Parses `USERSxITEMSxPAIRS`, such as `30000x41000x810000`; returns `nil` if the text has another form.
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
      // Activity is distributed exponentially around the mean of the remaining pairs.
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
