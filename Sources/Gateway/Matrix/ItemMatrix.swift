import Factorization
import ItemMetadata
import ServingFormats
import StreamingRecommender
import Synchronization

/// One generation of an epoch's item vectors, ready to be multiplied with rows of that epoch. Immutable: readers hold it by reference
/// while the next generation is made.
public final class ItemMatrix: Sendable {
  public let epoch: UInt32
  public let directory: ItemDirectory
  /// For gathering single rows, and for fold-in.
  public let rows: FactorMatrix
  /// For scoring all items; the bias of an item is its accumulator in `trend`.
  public let panels: ItemPanels
  public let trend: TrendView
  /// Items below `panels.items` without a vector, ascending.
  public let absent: [Int32]
  public let gramian: Gramian
  public let vectorCount: Int
  private let hasVector: [Bool]
  private let hasSupport: [Bool]
  /// The newest answers of `littleKnown`.
  private let littleKnown = Mutex<[(maxEvents: Double, items: ItemSet)]>([])
  private static let littleKnownMax = 4

  init(
    epoch: UInt32, directory: ItemDirectory, rows: FactorMatrix, panels: ItemPanels, trend: TrendView, hasVector: [Bool],
    hasSupport: [Bool], gramian: Gramian, vectorCount: Int
  ) {
    self.epoch = epoch
    self.directory = directory
    self.rows = rows
    self.panels = panels
    self.trend = trend
    self.hasVector = hasVector
    self.hasSupport = hasSupport
    self.gramian = gramian
    self.vectorCount = vectorCount
    absent = hasVector.indices.lazy.filter { !hasVector[$0] }.map(Int32.init)
  }

  public var factors: Int { rows.factors }
  public var items: Int { hasVector.count }
  public func hasVector(_ item: Int32) -> Bool { item >= 0 && Int(item) < hasVector.count && hasVector[Int(item)] }
  /// Whether the item has enough users to fill the lists of other users.
  public func hasSupport(_ item: Int32) -> Bool { item >= 0 && Int(item) < hasSupport.count && hasSupport[Int(item)] }

  /// The items with a vector and at most so many decayed events. Looked for once in a generation.
  func littleKnown(maxEvents: Double) -> ItemSet {
    littleKnown.withLock { known in
      if let found = known.first(where: { $0.maxEvents == maxEvents }) { return found.items }
      let blob = trend.blob
      let limit = Float(maxEvents * blob.growth)
      let items = ItemSet(
        hasVector.indices.lazy.filter { [hasVector] item in
          hasVector[item] && (item < blob.accumulators.count ? blob.accumulators[item] : 0) <= limit
        }.map(Int32.init))
      if known.count >= Self.littleKnownMax { known.removeFirst() }
      known.append((maxEvents, items))
      return items
    }
  }

  var side: RowSolver.Side { RowSolver.Side(rows: rows.pointer, gramian: gramian, count: vectorCount) }

  /// Whether scores of this row may be computed here: same epoch, and item numbers that still mean the same items.
  public func accepts(_ row: UserRow) -> Bool {
    row.epoch == epoch && row.factors.count == factors
      && trend.blob.isValid(itemMax: row.itemMax, madeAtMilliseconds: row.madeAtMilliseconds)
  }
}
