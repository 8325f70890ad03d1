import Factorization
import ServingFormats
import StreamingRecommender

/// Puts the packs of one epoch together and makes generations of the result.
///
/// A pack that changes costs its own rows plus one copy of the matrix, because the generation before may still be read. The owner decides
/// how often that is worth it.
struct MatrixAssembly {
  let epoch: UInt32
  let factors: Int
  /// The version of each pack that was applied.
  private(set) var versions: [Int: Int64] = [:]
  private(set) var directory: ItemDirectory
  private var rows: FactorMatrix
  private var hasVector: [Bool] = []
  private var hasSupport: [Bool] = []
  private var gramian: Gramian
  private var vectorCount = 0
  /// `nil` until the first generation lays the items out.
  private var panels: ItemPanels?
  private var trend: TrendView?
  /// Items whose biases are those of `trend`.
  private var biasedItems = 0

  /// - Parameter directory: of the generation before, whose memory is shared as far as the numbers agree.
  init(epoch: UInt32, factors: Int, directory: ItemDirectory = ItemDirectory()) {
    self.epoch = epoch
    self.factors = factors
    self.directory = directory
    rows = FactorMatrix(rows: 0, factors: factors)
    gramian = Gramian(factors: factors)
  }

  /// Applies pack `number`. Returns the items whose id changed.
  mutating func apply(_ pack: ItemPack, number: Int, version: Int64) throws(GatewayDataError) -> [Int32] {
    guard pack.epoch == epoch, pack.factors == factors, Int(pack.first) == number * ItemPack.size else {
      throw GatewayDataError(
        "pack \(number) of epoch \(epoch) holds items from \(pack.first) on with \(pack.factors) factors of epoch \(pack.epoch)")
    }
    let first = Int(pack.first)
    let end = first + pack.ids.count
    if end > hasVector.count {
      rows.grow(toRows: end)
      hasVector.append(contentsOf: repeatElement(false, count: end - hasVector.count))
      hasSupport.append(contentsOf: repeatElement(false, count: end - hasSupport.count))
      panels?.grow(toItems: end)
    }
    var renamed: [Int32] = []
    var at = 0
    pack.vectors.withUnsafeBufferPointer { vectors in
      for (index, id) in pack.ids.enumerated() {
        let item = first + index
        if directory.set(Int32(item), to: Identifier(id)) { renamed.append(Int32(item)) }
        hasSupport[item] = pack.hasSupport[index]
        let vector = pack.hasVector[index] ? UnsafeBufferPointer(rebasing: vectors[at..<(at + factors)]) : nil
        if vector != nil { at += factors }
        set(item, to: vector)
      }
    }
    versions[number] = version
    return renamed
  }

  private mutating func set(_ item: Int, to vector: UnsafeBufferPointer<Float>?) {
    if hasVector[item] {
      if let vector, rows[item].elementsEqual(vector) { return }
      changeGramian(item, weight: -1)
      vectorCount -= 1
    } else if vector == nil {
      return
    }
    let zero = [Float](repeating: 0, count: factors)
    zero.withUnsafeBufferPointer { zero in
      let values = vector ?? zero
      rows.setRow(item, to: values)
      panels?.set(item, to: values)
    }
    hasVector[item] = vector != nil
    if vector != nil {
      changeGramian(item, weight: 1)
      vectorCount += 1
    }
  }

  /// The first generation computes the whole Gramian at once, which is much faster than row by row.
  private mutating func changeGramian(_ item: Int, weight: Float) {
    if panels != nil { gramian.add(rows[item], weight: weight) }
  }

  /// Whether all packs up to the highest one are here.
  var isContiguous: Bool { !versions.isEmpty && versions.keys.max()! + 1 == versions.count }

  /// Takes ids and vectors from the items from number `kept` on whose pack was written before `since`: the engine that restarted then may
  /// give these numbers to other items. Returns the items that lost theirs.
  mutating func invalidate(from kept: Int, writtenBefore since: Int64) -> [Int32] {
    var lost: [Int32] = []
    for (number, version) in versions where version < since && (number + 1) * ItemPack.size > kept {
      let end = min((number + 1) * ItemPack.size, hasVector.count)
      for item in max(kept, number * ItemPack.size)..<max(kept, end) {
        set(item, to: nil)
        hasSupport[item] = false
        if directory.remove(Int32(item)) { lost.append(Int32(item)) }
      }
    }
    return lost
  }

  /// The state as a generation that others may read. The first one lays the items out.
  mutating func generation(_ trend: TrendView) -> ItemMatrix {
    if panels == nil {
      panels = ItemPanels(rows)
      gramian = Gramian(of: rows, pool: WorkerPool(workers: 1))
    }
    if self.trend !== trend || biasedItems != panels!.items {
      panels!.setBiases(trend.blob.accumulators)
      self.trend = trend
      biasedItems = panels!.items
    }
    return ItemMatrix(
      epoch: epoch, directory: directory, rows: rows, panels: panels!, trend: trend, hasVector: hasVector, hasSupport: hasSupport,
      gramian: gramian, vectorCount: vectorCount)
  }
}
