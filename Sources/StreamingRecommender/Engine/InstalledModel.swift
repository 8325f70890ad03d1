import Factorization

/// The item factors of one epoch with the data derived from them.
///
/// Factors and Gramians are stored together so that they cannot diverge.
public struct InstalledModel: Sendable {
  enum Origin: UInt8, Sendable {
    case none, trained
    /// Folded in from the vectors of its users, after the training.
    case foldedIn
  }

  /// The epoch of this model; unique.
  public internal(set) var epoch: UInt32
  public private(set) var itemFactors: FactorMatrix
  private(set) var origins: [Origin]
  public private(set) var gramian: Gramian
  /// Number of items with a vector.
  public private(set) var vectorCount: Int
  /// Gramian X'X, number and mean of the user vectors at installation; constant for the epoch.
  var userGramian: Gramian
  var servedUsers: Int
  var meanUser: [Float]
  /// Number of users of each item at the training or, after a restart, in the snapshot.
  var support: [Int32] = []
  /// Where vectors of items that the model was not trained on start, learned with the model; `nil` without documents of items, or if it
  /// knew nothing.
  var prior: ItemPrior?
  public internal(set) var trainedPairs: Int
  public internal(set) var trainedAtMilliseconds: Int64

  /// - Parameter trained: whether an item has trained factors, by item index.
  init(
    epoch: UInt32, itemFactors: FactorMatrix, trained: [Bool], gramian: Gramian, trainedPairs: Int, trainedAtMilliseconds: Int64
  ) {
    self.epoch = epoch
    self.itemFactors = itemFactors
    origins = trained.map { $0 ? .trained : .none }
    self.gramian = gramian
    vectorCount = trained.count { $0 }
    userGramian = Gramian(factors: itemFactors.factors)
    servedUsers = 0
    meanUser = [Float](repeating: 0, count: itemFactors.factors)
    self.trainedPairs = trainedPairs
    self.trainedAtMilliseconds = trainedAtMilliseconds
  }

  init(
    epoch: UInt32, itemFactors: FactorMatrix, origins: [Origin], gramian: Gramian, userGramian: Gramian, servedUsers: Int,
    meanUser: [Float], trainedPairs: Int, trainedAtMilliseconds: Int64
  ) {
    self.epoch = epoch
    self.itemFactors = itemFactors
    self.origins = origins
    self.gramian = gramian
    vectorCount = origins.count { $0 != .none }
    self.userGramian = userGramian
    self.servedUsers = servedUsers
    self.meanUser = meanUser
    self.trainedPairs = trainedPairs
    self.trainedAtMilliseconds = trainedAtMilliseconds
  }

  public var factors: Int { itemFactors.factors }

  /// Whether the item has a vector, trained or folded in.
  public func hasVector(_ item: Int32) -> Bool { Int(item) < origins.count && origins[Int(item)] != .none }
  /// Whether the item has trained factors.
  public func isTrained(_ item: Int32) -> Bool { Int(item) < origins.count && origins[Int(item)] == .trained }

  /// The number of users whom the item had at the training; `nil` for an item that came later.
  public func usersAtTraining(_ item: Int32) -> Int? { Int(item) < support.count ? Int(support[Int(item)]) : nil }

  /// Item indices below `rows` without a vector, ascending.
  var absentItems: [Int32] { origins.indices.lazy.filter { origins[$0] == .none }.map(Int32.init) }

  package var foldedInItems: [Int32] { origins.indices.lazy.filter { origins[$0] == .foldedIn }.map(Int32.init) }

  var itemSide: RowSolver.Side { RowSolver.Side(rows: itemFactors.pointer, gramian: gramian, count: vectorCount) }

  /// Sets the vector of an untrained item and applies the rank-one update to the Gramian.
  mutating func setFoldedIn(_ item: Int32, to vector: [Float]) {
    precondition(!isTrained(item), "item \(item) has trained factors")
    let row = Int(item)
    if row >= origins.count {
      origins.append(contentsOf: repeatElement(.none, count: row + 1 - origins.count))
      itemFactors.grow(toRows: row + 1)
    }
    if origins[row] == .foldedIn {
      gramian.add(itemFactors[row], weight: -1)
    } else {
      vectorCount += 1
    }
    origins[row] = .foldedIn
    itemFactors.setRow(row, to: vector)
    gramian.add(itemFactors[row], weight: 1)
  }

  var bytes: Int { itemFactors.rows * itemFactors.stride * 4 * 2 }
}
