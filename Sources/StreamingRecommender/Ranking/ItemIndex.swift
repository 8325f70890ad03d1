import Factorization

/// Item vectors in the layout used for scoring, with the trend of each item as its bias.
struct ItemIndex: Sendable {
  private(set) var panels: ItemPanels
  /// Items in the panels that have no vector.
  private(set) var absent: [Int32]

  init(factors: Int) {
    panels = ItemPanels(factors: factors)
    absent = []
  }

  /// - Parameter absent: rows of `itemFactors` without a vector.
  init(_ itemFactors: FactorMatrix, absent: [Int32]) {
    panels = ItemPanels(itemFactors)
    self.absent = absent
  }

  mutating func set(_ item: Int32, to vector: UnsafeBufferPointer<Float>, bias: Float) {
    let known = panels.items
    panels.grow(toItems: Int(item) + 1)
    panels.set(Int(item), to: vector)
    panels.setBias(Int(item), to: bias)
    if Int(item) >= known {
      absent.append(contentsOf: Int32(known)..<item)
    } else if let at = absent.firstIndex(of: item) {
      absent.remove(at: at)
    }
  }

  mutating func setBias(_ item: Int32, _ catalogue: Catalogue) {
    if Int(item) < panels.items { panels.setBias(Int(item), to: catalogue.bias(item)) }
  }

  mutating func setBiases(_ trend: TrendCounter) { panels.setBiases(trend.accumulators) }

  mutating func setBiases(_ catalogue: Catalogue) {
    panels.setBiases(catalogue.trend.accumulators)
    hide(catalogue.hidden)
  }

  /// Keeps items out of every list.
  mutating func hide(_ items: Set<Int32>) {
    for item in items where Int(item) < panels.items { panels.setBias(Int(item), to: -.infinity) }
  }
}
