import Factorization

/// Strong generalisation (Liang et al., Mult-VAE; Rendle et al., arXiv 2110.14037): whole users are held out; some of each one's pairs
/// are test items, and the rest is the history from which the user is folded in.
public struct StrongGeneralisationSplit: Sendable {
  /// Which users of a seeded permutation are held out.
  public enum Part: Sendable, Equatable {
    /// The last `share`; the same number of users before them is reserved for validation and not trained on.
    case test(share: Double)
    /// The users before the last `share`, which is reserved for the test and not used.
    case validation(share: Double)
    /// The part `number` of `count` equal parts; all other users are trained on.
    case fold(number: Int, count: Int)
  }

  /// Users with fewer pairs have no test items.
  public static let pairsForTest = 5

  /// Training users x the items that at least one of them has.
  public let training: InteractionMatrix
  /// Held-out users x the same items, without the test items.
  public let histories: InteractionMatrix
  /// Held-out users with test items; `row` refers to `histories`.
  public let users: [HeldOutUser]

  /// - Parameters:
  ///   - matrix: users x items.
  ///   - targetShare: the share of a held-out user's liked pairs that are test items, rounded down.
  ///   - seed: determines the permutation, and each user's test items, which are the same in every fold.
  /// - Throws: `HoldoutError` if one part has no users.
  public init(_ matrix: InteractionMatrix, part: Part, targetShare: Double = 0.2, seed: UInt64) throws(HoldoutError) {
    let (trained, heldOut) = try Self.users(matrix.rows, part, seed: seed)
    let columns = ColumnMap(matrix, rows: trained)
    var training = InteractionMatrix(columns: columns.count)
    for row in trained { training.appendRow(row, of: matrix, columns) }
    var histories = InteractionMatrix(columns: columns.count)
    var users: [HeldOutUser] = []
    for (place, row) in heldOut.enumerated() {
      let targets = Self.targets(of: row, in: matrix, columns, share: targetShare, seed: seed)
      histories.appendRow(row, of: matrix, columns, without: targets)
      let items = targets.map { columns.places[Int($0)] }
      if !items.isEmpty { users.append(HeldOutUser(user: row, row: place, items: items)) }
    }
    guard !users.isEmpty else { throw HoldoutError(.nothingToTest) }
    (self.training, self.histories, self.users) = (training, histories, users)
  }

  /// The training users followed by the held-out users with their histories, as a retrain would use them.
  public var trainingWithHistories: InteractionMatrix {
    var all = training
    all.append(rowsOf: histories)
    return all
  }

  /// The held-out users as rows of `trainingWithHistories`.
  public var usersTrainedIn: [HeldOutUser] {
    users.map { HeldOutUser(user: $0.user, row: training.rows + $0.row, items: $0.items, unknownItems: $0.unknownItems) }
  }

  /// Both are ascending, so that the sums of a training do not depend on the permutation.
  private static func users(_ count: Int, _ part: Part, seed: UInt64) throws(HoldoutError) -> (trained: [Int], heldOut: [Int]) {
    let order = permutation(count, seed: seed)
    let heldOut: Range<Int>
    var trained: [Range<Int>]
    switch part {
    case .test(let share):
      let size = max(1, Int(Double(count) * share))
      (heldOut, trained) = (max(0, count - size)..<count, [0..<max(0, count - 2 * size)])
    case .validation(let share):
      let size = max(1, Int(Double(count) * share))
      (heldOut, trained) = (max(0, count - 2 * size)..<max(0, count - size), [0..<max(0, count - 2 * size)])
    case .fold(let number, let folds):
      guard folds >= 2, folds <= count else { throw HoldoutError(.tooFewUsers(users: count, folds: folds)) }
      heldOut = count * number / folds..<count * (number + 1) / folds
      trained = [0..<heldOut.lowerBound, heldOut.upperBound..<count]
    }
    let rows = trained.flatMap { order[$0] }.sorted()
    guard !rows.isEmpty else { throw HoldoutError(.nothingToTrainOn) }
    return (rows, order[heldOut].sorted())
  }

  /// Returns the columns of the test pairs, ascending.
  private static func targets(of row: Int, in matrix: InteractionMatrix, _ columns: ColumnMap, share: Double, seed: UInt64) -> [Int32] {
    let liked = matrix.likedColumns(of: row).filter { columns.places[Int($0)] >= 0 }
    guard liked.count >= pairsForTest else { return [] }
    let order = permutation(liked.count, seed: seed ^ (UInt64(row) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    return order.prefix(Int(share * Double(liked.count))).map { liked[$0] }.sorted()
  }

  /// A Fisher-Yates shuffle.
  private static func permutation(_ count: Int, seed: UInt64) -> [Int] {
    var generator = SplitMix64(seed: seed)
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, Int(generator.next(upperBound: UInt64(last + 1)))) }
    return order
  }
}

/// Renumbers the columns that occur in some rows, preserving their order.
private struct ColumnMap {
  /// The new column, or -1 if no row has it.
  var places: [Int32]
  var count = 0

  init(_ matrix: InteractionMatrix, rows: [Int]) {
    places = [Int32](repeating: -1, count: matrix.columns)
    for row in rows { for column in matrix.columns(of: row) { places[Int(column)] = 0 } }
    for column in places.indices where places[column] == 0 {
      places[column] = Int32(count)
      count += 1
    }
  }
}

extension InteractionMatrix {
  fileprivate mutating func appendRow(_ row: Int, of other: InteractionMatrix, _ columns: ColumnMap, without left: [Int32] = []) {
    for entry in other.starts[row]..<other.starts[row + 1] {
      let place = columns.places[Int(other.indices[entry])]
      if place >= 0, !left.containsSorted(other.indices[entry]) { append(column: place, strength: other.strengths[entry]) }
    }
    endRow()
  }

  fileprivate mutating func append(rowsOf other: InteractionMatrix) {
    for row in 0..<other.rows {
      for entry in other.starts[row]..<other.starts[row + 1] { append(column: other.indices[entry], strength: other.strengths[entry]) }
      endRow()
    }
  }
}
