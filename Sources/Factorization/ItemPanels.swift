import CKernels

/// Item factors laid out for scoring: panels of 32 items, [panel][dimension][lane], with one more dimension per item, the bias
/// (trend), whose coefficient each query gives.
public struct ItemPanels: Sendable {
  public let factors: Int
  public private(set) var items: Int
  private var storage: AlignedBuffer

  var dimensions: Int { factors + 1 }
  private var panelSize: Int { dimensions * Kernels.panel }
  var panels: Int { (items + Kernels.panel - 1) / Kernels.panel }
  var pointer: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  public init(factors: Int) {
    self.factors = factors
    items = 0
    storage = AlignedBuffer(count: 0)
  }

  public init(_ matrix: FactorMatrix) {
    self.init(factors: matrix.factors)
    grow(toItems: matrix.rows)
    for item in 0..<matrix.rows { set(item, to: matrix[item]) }
  }

  public mutating func grow(toItems count: Int) {
    guard count > items else { return }
    let needed = (count + Kernels.panel - 1) / Kernels.panel * panelSize
    if needed > storage.count { storage = AlignedBuffer(copying: storage, count: max(needed, storage.count * 3 / 2)) }
    items = count
  }

  public mutating func set(_ item: Int, to factorsOfItem: UnsafeBufferPointer<Float>) {
    precondition(factorsOfItem.count == factors, "\(factorsOfItem.count) values for \(factors) factors")
    let at = position(item)
    makeUnique()
    for dimension in 0..<factors { storage.pointer[at + dimension * Kernels.panel] = factorsOfItem[dimension] }
  }

  public mutating func setBias(_ item: Int, to bias: Float) {
    let at = position(item)
    makeUnique()
    storage.pointer[at + factors * Kernels.panel] = bias
  }

  private func position(_ item: Int) -> Int {
    precondition(item >= 0 && item < items, "item \(item) of \(items)")
    return item / Kernels.panel * panelSize + item % Kernels.panel
  }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) { storage = AlignedBuffer(copying: storage, count: storage.count) }
  }
}
