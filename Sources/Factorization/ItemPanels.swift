import CKernels

/// Item factors in the layout used for scoring: panels of 32 items, indexed [panel][dimension][lane].
///
/// Each item has one additional dimension, the bias (trend), whose coefficient is part of the query.
///
/// Items are ordered by vector length at layout time, longest first. Each block stores upper bounds of vector length and bias, so that a
/// query can skip blocks that cannot reach its list.
public struct ItemPanels: Sendable {
  public let factors: Int
  public private(set) var items: Int
  private var storage: AlignedBuffer
  /// Position by item, and item by position.
  private var positions: [Int32] = []
  private(set) var itemsByPosition: [Int32] = []
  /// Upper bounds per block of `blockPanels` panels, of vector lengths and of biases (at least 0).
  private(set) var lengthBounds: [Float] = []
  private(set) var biasBounds: [Float] = []

  /// Number of panels per block.
  static let blockPanels = 8
  static let blockItems = blockPanels * Kernels.panel

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
    let lengths = (0..<matrix.rows).map { Self.length(matrix[$0]) }
    grow(toItems: matrix.rows)
    itemsByPosition.sort { lengths[Int($0)] == lengths[Int($1)] ? $0 < $1 : lengths[Int($0)] > lengths[Int($1)] }
    for (position, item) in itemsByPosition.enumerated() { positions[Int(item)] = Int32(position) }
    for item in 0..<matrix.rows { set(item, to: matrix[item]) }
  }

  /// An upper bound of the vector length; infinite if the vector contains NaN. Computed in Double, so that squares neither underflow nor
  /// overflow.
  static func length(_ vector: UnsafeBufferPointer<Float>) -> Float {
    let length = Float(vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()).nextUp
    return length.isNaN ? .infinity : length
  }

  /// Appends items with zero vectors up to `count` items.
  public mutating func grow(toItems count: Int) {
    guard count > items else { return }
    let needed = (count + Kernels.panel - 1) / Kernels.panel * panelSize
    if needed > storage.count { storage = AlignedBuffer(copying: storage, count: max(needed, storage.count * 3 / 2)) }
    positions.append(contentsOf: Int32(items)..<Int32(count))
    itemsByPosition.append(contentsOf: Int32(items)..<Int32(count))
    let blocks = (count + Self.blockItems - 1) / Self.blockItems
    lengthBounds.append(contentsOf: repeatElement(0, count: blocks - lengthBounds.count))
    biasBounds.append(contentsOf: repeatElement(0, count: blocks - biasBounds.count))
    items = count
  }

  /// Position of the item in the array of scores. Traps if the item is out of range.
  public func position(_ item: Int) -> Int {
    precondition(item >= 0 && item < items, "item \(item) of \(items)")
    return Int(positions[item])
  }

  func withPositions<R>(_ body: (UnsafeBufferPointer<Int32>) -> R) -> R { positions.withUnsafeBufferPointer(body) }

  public mutating func set(_ item: Int, to factorsOfItem: UnsafeBufferPointer<Float>) {
    precondition(factorsOfItem.count == factors, "\(factorsOfItem.count) values for \(factors) factors")
    let position = position(item)
    makeUnique()
    for dimension in 0..<factors { storage.pointer[address(position) + dimension * Kernels.panel] = factorsOfItem[dimension] }
    lengthBounds[position / Self.blockItems] = max(lengthBounds[position / Self.blockItems], Self.length(factorsOfItem))
  }

  /// Sets the bias of one item.
  public mutating func setBias(_ item: Int, to bias: Float) {
    let position = position(item)
    makeUnique()
    storage.pointer[address(position) + factors * Kernels.panel] = bias
    if bias > biasBounds[position / Self.blockItems] { biasBounds[position / Self.blockItems] = bias }
  }

  /// Sets the biases of all items; items beyond the array get 0. Recomputes the bias bounds of all blocks.
  public mutating func setBiases(_ biases: [Float]) {
    for block in biasBounds.indices { biasBounds[block] = 0 }
    for item in 0..<items { setBias(item, to: item < biases.count ? biases[item] : 0) }
  }

  private func address(_ position: Int) -> Int { position / Kernels.panel * panelSize + position % Kernels.panel }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) { storage = AlignedBuffer(copying: storage, count: storage.count) }
  }
}
