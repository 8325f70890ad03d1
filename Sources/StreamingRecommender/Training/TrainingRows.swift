import Factorization

/// The rows (users) and columns (items) of a training matrix, sorted by id so that the result does not depend on arrival order.
///
/// Long histories are split into blocks of nearly equal length.
struct TrainingRows {
  let users: [UserReference]
  /// Items with enough users.
  let columns: [Int32]
  /// Number of users with a live pair, by item.
  let support: [Int32]
  private let columnOfItem: [Int32]
  private let block: Int?

  /// - Parameter minSupport: items with fewer users are left out.
  init(_ state: EngineState, block: Int?, minSupport: Int) {
    self.block = block
    let items = state.catalogue.items
    let support = state.users.support(items: items.capacity)
    self.support = support
    users = state.users.sortedByName(state.users.references.filter { state.users.history($0).liveCount > 0 })
    columns = items.sortedByName(support.indices.lazy.filter { support[$0] >= max(1, minSupport) }.map(Int32.init))
    var columnOfItem = [Int32](repeating: -1, count: support.count)
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
        let column = columnOfItem[Int(item)]
        if column >= 0, includes(order) { row.append((column, strength)) }
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

  /// The users of the items that a model was not trained on.
  func users(ofItemsWithout trained: [Bool], _ all: UserPartitions) -> [Int32: [UserReference]] {
    var result: [Int32: [UserReference]] = [:]
    for user in users {
      all.forEachNewestFirst(user) { item, strength, _ in
        if !trained[Int(item)], strength > 0 { result[item, default: []].append(user) }
        return true
      }
    }
    return result
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
  /// The number of users with a live pair, by item.
  func support(items: Int) -> [Int32] {
    var support = [Int32](repeating: 0, count: items)
    for user in references {
      forEachNewestFirst(user) { item, _, _ in
        if Int(item) < items { support[Int(item)] += 1 }
        return true
      }
    }
    return support
  }

  fileprivate func sortedByName(_ users: [UserReference]) -> [UserReference] {
    users.sorted { a, b in withName(a) { a in withName(b) { b in a.lexicographicallyPrecedes(b) } } }
  }
}
