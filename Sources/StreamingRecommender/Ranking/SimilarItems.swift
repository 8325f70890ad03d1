import Factorization

/// Finds the most similar items by cosine similarity of their vectors.
package struct SimilarItems: Sendable {
  private let normalized: FactorMatrix
  private let index: ItemIndex

  /// Normalizes the current item vectors of the model.
  package init(_ model: InstalledModel) {
    var normalized = FactorMatrix(rows: model.itemFactors.rows, factors: model.factors)
    for item in 0..<normalized.rows {
      let row = model.itemFactors[item]
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if length > 0 { normalized.setRow(item, to: row.map { $0 / length }) }
    }
    self.normalized = normalized
    index = ItemIndex(normalized, absent: model.absentItems)
  }

  /// Number of rows, including items without a vector.
  package var rows: Int { normalized.rows }

  package func lists(of items: [Int32], n: Int, _ scratch: EngineScratch) -> [[ScoredItem]] {
    let ranking = Ranking(similarTo: index)
    return ranking.top(n, items.map { item in ranking.query(normalized[Int(item)], seen: [item]) }, scratch.selectors[0])
  }
}
