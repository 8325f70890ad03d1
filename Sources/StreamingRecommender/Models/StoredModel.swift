import Factorization

/// The trained item vectors of one epoch by item id: what is kept of an epoch, so that it can be used again when items have other numbers.
public struct StoredModel: Sendable {
  public var epoch: UInt32
  public var trainedPairs: Int
  public var trainedAtMilliseconds: Int64
  /// The settings with which it was served and that the configuration did not have.
  public var promotion: Promotion?
  /// The ids of the items, one per row of `factors`.
  public private(set) var items: [Identifier] = []
  public private(set) var factors: FactorMatrix

  public init(epoch: UInt32, trainedPairs: Int, trainedAtMilliseconds: Int64, factors: Int) {
    self.epoch = epoch
    self.trainedPairs = trainedPairs
    self.trainedAtMilliseconds = trainedAtMilliseconds
    self.factors = FactorMatrix(rows: 0, factors: factors)
  }

  /// The trained items of a model; those that were folded in since follow their users and are not kept.
  ///
  /// - Parameter names: the ids of the items by index; a frozen table suffices.
  init(_ model: InstalledModel, names: IdentifierTable) {
    self.init(
      epoch: model.epoch, trainedPairs: model.trainedPairs, trainedAtMilliseconds: model.trainedAtMilliseconds, factors: model.factors)
    let trained = (0..<Int32(model.itemFactors.rows)).filter(model.isTrained)
    items = trained.map { Identifier(names.name($0)) }
    factors = FactorMatrix(rows: trained.count, factors: model.factors)
    for (row, item) in trained.enumerated() { factors.setRow(row, to: model.itemFactors[Int(item)]) }
  }

  /// Adds an item; the vector has `factors` floats.
  public mutating func append(_ item: Identifier, _ vector: [Float]) {
    items.append(item)
    factors.grow(toRows: items.count)
    factors.setRow(items.count - 1, to: vector)
  }

  /// The vectors by the index of their item in `names`, and which of these have one. Items that `names` does not know are left out.
  func itemIndexed(_ names: IdentifierTable) -> (factors: FactorMatrix, trained: [Bool]) {
    var indexed = FactorMatrix(rows: names.capacity, factors: factors.factors)
    var trained = [Bool](repeating: false, count: names.capacity)
    // A frozen table finds no ids, so the stored ones are found by those of the table.
    let rows = Dictionary(items.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    for item in 0..<Int32(names.capacity) {
      guard let row = rows[Identifier(names.name(item))] else { continue }
      indexed.setRow(Int(item), to: factors[row])
      trained[Int(item)] = true
    }
    return (indexed, trained)
  }
}
