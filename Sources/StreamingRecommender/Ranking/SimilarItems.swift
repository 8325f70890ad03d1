import Factorization

/// Nearest items by the cosine of their vectors: the ranking of an item's normalized vector among all others.
struct SimilarItems: Sendable {
  private let normalized: FactorMatrix
  private let index: ItemIndex

  /// Of the items of one model, as of this moment.
  init(_ model: InstalledModel) {
    var normalized = FactorMatrix(rows: model.itemFactors.rows, factors: model.factors)
    for item in 0..<normalized.rows {
      let row = model.itemFactors[item]
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length > 0 { normalized.setRow(item, to: row.map { $0 / length }) }
    }
    self.normalized = normalized
    index = ItemIndex(normalized, absent: model.absentItems)
  }

  /// Items with a row.
  var rows: Int { normalized.rows }

  func lists(of items: [Int32], n: Int, _ scratch: EngineScratch) -> [[ScoredItem]] {
    let ranking = Ranking(similarTo: index)
    return ranking.top(n, items.map { item in ranking.query(normalized[Int(item)], seen: [item]) }, scratch.selectors[0])
  }
}
