import Factorization

/// Finds the most similar items by the cosine similarity of their vectors, shrunk by the number of users of the listed item.
///
/// score = cosine x users / (users + shrinkage), after Bell, Koren and Volinsky, "Modeling relationships at multiple scales to improve
/// accuracy of large recommender systems" (2007), equation 4. The vector of an item with a few users follows those users, so its cosine is
/// high by chance.
package struct SimilarItems: Sendable {
  /// Vectors of length users / (users + shrinkage).
  private var index: ItemIndex
  private let shrinkage: Float

  /// - Parameters:
  ///   - absent: rows of `itemFactors` without a vector.
  ///   - support: number of users, by item.
  ///   - shrinkage: number of users of an item at which its similarities count half.
  init(_ itemFactors: FactorMatrix, absent: [Int32], support: [Int32], shrinkage: Double) {
    self.shrinkage = Float(shrinkage)
    var shrunk = FactorMatrix(rows: itemFactors.rows, factors: itemFactors.factors)
    for item in 0..<shrunk.rows {
      guard let unit = Self.unit(itemFactors[item]) else { continue }
      let weight = Self.weight(item < support.count ? Int(support[item]) : 0, self.shrinkage)
      shrunk.setRow(item, to: unit.map { $0 * weight })
    }
    index = ItemIndex(shrunk, absent: absent)
  }

  /// Adds or replaces an item that the model was not trained on.
  mutating func set(_ item: Int32, to vector: UnsafeBufferPointer<Float>, users: Int) {
    guard let unit = Self.unit(vector) else { return }
    let weight = Self.weight(users, shrinkage)
    unit.map { $0 * weight }.withUnsafeBufferPointer { index.set(item, to: $0, bias: 0) }
  }

  mutating func hide(_ items: Set<Int32>) { index.hide(items) }

  private static func weight(_ users: Int, _ shrinkage: Float) -> Float { users == 0 ? 0 : Float(users) / (Float(users) + shrinkage) }

  /// The vector scaled to length 1; `nil` for the zero vector.
  private static func unit(_ vector: UnsafeBufferPointer<Float>) -> [Float]? {
    let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? vector.map { $0 / length } : nil
  }

  /// The `n` most similar items of each item, best first. Only items with a positive score are listed.
  package func lists(of items: [Int32], _ model: InstalledModel, n: Int, _ scratch: EngineScratch) -> [[ScoredItem]] {
    let ranking = Ranking(similarTo: index)
    let flat = items.flatMap { Self.unit(model.itemFactors[Int($0)]) ?? [Float](repeating: 0, count: model.factors) }
    return flat.withUnsafeBufferPointer { flat in
      let queries = items.enumerated().map { place, item in
        ranking.query(UnsafeBufferPointer(rebasing: flat[(place * model.factors)..<((place + 1) * model.factors)]), seen: [item])
      }
      return ranking.top(n, queries, scratch.selectors[0]).map { list in Array(list.prefix { $0.score > 0 }) }
    }
  }
}
