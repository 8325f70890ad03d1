import CKernels

/// Item factors laid out for scoring: panels of 32 items, [panel][dimension][lane], with one more dimension per item, the bias
/// (trend), whose coefficient each query gives.
///
/// Items stand in the order of their vectors' lengths, longest first, as far as they were known when the layout was made; each block
/// keeps the greatest length and the greatest bias in it, so that a query can leave out blocks in which nothing can reach its list.
public struct ItemPanels: Sendable {
  public let factors: Int
  public private(set) var items: Int
  private var storage: AlignedBuffer
  /// Where an item stands, and what stands there.
  private var positions: [Int32] = []
  private(set) var itemsByPosition: [Int32] = []
  /// Per block of `blockPanels` panels: upper bounds on the lengths of vectors and on biases, the latter at least 0.
  private(set) var lengthBounds: [Float] = []
  private(set) var biasBounds: [Float] = []

  /// Panels of a block.
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

  /// At least the length of the vector: squares in Double neither vanish nor overflow. What is not a number bounds nothing.
  static func length(_ vector: UnsafeBufferPointer<Float>) -> Float {
    let length = Float(vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()).nextUp
    return length.isNaN ? .infinity : length
  }

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

  /// Where the item's score stands among all scores.
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

  public mutating func setBias(_ item: Int, to bias: Float) {
    let position = position(item)
    makeUnique()
    storage.pointer[address(position) + factors * Kernels.panel] = bias
    if bias > biasBounds[position / Self.blockItems] { biasBounds[position / Self.blockItems] = bias }
  }

  /// The biases of all items, by item; items beyond have none. Bounds that an older, larger bias has left come down.
  public mutating func setBiases(_ biases: [Float]) {
    for block in biasBounds.indices { biasBounds[block] = 0 }
    for item in 0..<items { setBias(item, to: item < biases.count ? biases[item] : 0) }
  }

  private func address(_ position: Int) -> Int { position / Kernels.panel * panelSize + position % Kernels.panel }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&storage) { storage = AlignedBuffer(copying: storage, count: storage.count) }
  }
}
