extension Scorer {
  /// The summands of a score.
  public struct Parts: Sendable, Equatable {
    public var vector: Float
    public var trend: Float
    public var transitions: Float
  }

  /// `nil` for an item without a vector.
  public func parts(of item: Int32, for taste: Taste) -> Parts? {
    guard let score = scores(of: [item], for: taste)[0] else { return nil }
    let accumulators = matrix.trend.blob.accumulators
    let bias = Int(item) < accumulators.count ? accumulators[Int(item)] : 0
    let trend = bias * (taste.hasTaste ? matrix.trend.blob.weight : matrix.trend.blob.weightWithoutTaste)
    let transitions = taste.boosts.first { $0.item == item }?.score ?? 0
    return Parts(vector: score - trend - transitions, trend: trend, transitions: transitions)
  }
}
