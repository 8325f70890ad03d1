import Factorization

/// Computes lists, best first, of items that are not in a user's history.
public protocol HoldoutRanker: Sendable {
  /// Returns one list per user with `count` items, or fewer if there are not enough.
  func lists(for users: ArraySlice<HeldOutUser>, count: Int) -> [[Int32]]
}

/// Ranks all items by the inner product of factors.
public struct FactorRanker: HoldoutRanker {
  private let users: FactorMatrix
  private let panels: ItemPanels
  private let histories: InteractionMatrix
  private let kernels: Kernels

  /// - Parameters:
  ///   - users: one row of factors per row of `histories`.
  ///   - items: one row of factors per column of `histories`.
  public init(users: FactorMatrix, items: FactorMatrix, histories: InteractionMatrix, kernels: Kernels = .best) {
    precondition(users.rows == histories.rows, "\(users.rows) users with factors, \(histories.rows) with a history")
    precondition(items.rows == histories.columns, "\(items.rows) items with factors for \(histories.columns)")
    self.users = users
    self.histories = histories
    self.kernels = kernels
    panels = ItemPanels(items)
  }

  public func lists(for users: ArraySlice<HeldOutUser>, count: Int) -> [[Int32]] {
    let queries = users.map {
      TopNSelector.Query(factors: self.users[$0.row], excluded: Array(histories.columns(of: $0.row)))
    }
    return TopNSelector(kernels: kernels).top(count, of: panels, for: queries).map { $0.map(\.item) }
  }
}

/// Ranks items by the number of users that have them; a baseline.
public struct PopularityRanker: HoldoutRanker {
  /// Items by descending popularity, then by index.
  private let order: [Int32]
  private let histories: InteractionMatrix

  /// - Parameters:
  ///   - training: the matrix in which users are counted.
  ///   - histories: the items that lists leave out, by the user's row.
  public init(training: InteractionMatrix, histories: InteractionMatrix) {
    var counts = [Int](repeating: 0, count: training.columns)
    for (entry, column) in training.indices.enumerated() where training.strengths[entry] > 0 { counts[Int(column)] += 1 }
    order = (0..<Int32(training.columns)).sorted { (counts[Int($1)], $0) < (counts[Int($0)], $1) }
    self.histories = histories
  }

  public func lists(for users: ArraySlice<HeldOutUser>, count: Int) -> [[Int32]] {
    users.map { user in
      let seen = Array(histories.columns(of: user.row))
      var list: [Int32] = []
      for item in order {
        if list.count == count { break }
        if !seen.containsSorted(item) { list.append(item) }
      }
      return list
    }
  }
}
