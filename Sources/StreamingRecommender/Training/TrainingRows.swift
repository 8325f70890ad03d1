import Factorization

/// The rows (users) and columns (items) of a training matrix, sorted by id so that the result does not depend on arrival order.
///
/// Long histories are split into blocks of nearly equal length.
struct TrainingRows {
  let users: [UserReference]
  /// Items with at least one live pair.
  let columns: [Int32]
  private let columnOfItem: [Int32]
  private let block: Int?

  init(_ state: EngineState, block: Int?) {
    self.block = block
    let items = state.catalogue.items
    var used = [Bool](repeating: false, count: items.capacity)
    var users: [UserReference] = []
    for user in state.users.references {
      var any = false
      state.users.forEachNewestFirst(user) { item, _, _ in
        used[Int(item)] = true
        any = true
        return true
      }
      if any { users.append(user) }
    }
    self.users = state.users.sortedByName(users)
    columns = items.sortedByName(used.indices.lazy.filter { used[$0] }.map(Int32.init))
    var columnOfItem = [Int32](repeating: -1, count: used.count)
    for (column, item) in columns.enumerated() { columnOfItem[Int(item)] = Int32(column) }
    self.columnOfItem = columnOfItem
  }

  /// Builds the matrix of the pairs for which `includes` returns true.
  func matrix(of users: UserPartitions, includes: (InteractionOrder) -> Bool) -> InteractionMatrix {
    var matrix = InteractionMatrix(columns: columns.count)
    matrix.reserve(rows: self.users.count, entries: users.pairCount)
    var row: [(column: Int32, strength: Float)] = []
    for user in self.users {
      row.removeAll(keepingCapacity: true)
      users.forEachNewestFirst(user) { item, strength, order in
        if includes(order) { row.append((columnOfItem[Int(item)], strength)) }
        return true
      }
      guard !row.isEmpty else { continue }
      let blocks = block.map { (row.count + $0 - 1) / $0 } ?? 1
      for index in 0..<blocks {
        for entry in row[(index * row.count / blocks)..<((index + 1) * row.count / blocks)] {
          matrix.append(column: entry.column, strength: entry.strength)
        }
        matrix.endRow()
      }
    }
    return matrix
  }

  /// Initial item factors: the vectors of the live model, and random vectors seeded by item id for all other items.
  func start(of items: IdentifierTable, live: InstalledModel?, settings: EngineSettings) -> FactorMatrix {
    var start = FactorMatrix(rows: columns.count, factors: settings.parameters.factors)
    for (column, item) in columns.enumerated() {
      if let live, live.hasVector(item) {
        start.setRow(column, to: live.itemFactors[Int(item)])
      } else {
        var mixer = HashMixer()
        mixer.mix(settings.seed)
        items.withName(item) { mixer.mix($0) }
        start.fillRandomly(column, deviation: settings.parameters.startDeviation, seed: mixer.result.low)
      }
    }
    return start
  }

  /// Reorders factors from columns to item indices.
  func itemIndexed(_ columnFactors: FactorMatrix, _ items: IdentifierTable) -> (factors: FactorMatrix, trained: [Bool]) {
    var factors = FactorMatrix(rows: items.capacity, factors: columnFactors.factors)
    var trained = [Bool](repeating: false, count: items.capacity)
    for (column, item) in columns.enumerated() {
      factors.setRow(Int(item), to: columnFactors[column])
      trained[Int(item)] = true
    }
    return (factors, trained)
  }
}

extension IdentifierTable {
  fileprivate func sortedByName(_ indices: [Int32]) -> [Int32] {
    indices.sorted { a, b in withName(a) { a in withName(b) { b in a.lexicographicallyPrecedes(b) } } }
  }
}

extension UserPartitions {
  fileprivate func sortedByName(_ users: [UserReference]) -> [UserReference] {
    users.sorted { a, b in withName(a) { a in withName(b) { b in a.lexicographicallyPrecedes(b) } } }
  }
}
