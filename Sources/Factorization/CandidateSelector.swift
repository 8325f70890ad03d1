import CKernels

/// Exact top-N among given items, by gathering their rows: cheaper than a scan of all items while they are few of them.
///
/// Scores are the sums of the same terms as those of `TopNSelector`, in another order of addition. Not thread-safe.
public final class CandidateSelector {
  private let kernels: Kernels
  private var user: [Float] = []

  public init(kernels: Kernels = .best) { self.kernels = kernels }

  /// The scores of `items`, in their order.
  ///
  /// - Parameters:
  ///   - items: rows of `matrix`.
  ///   - biases: added with the coefficient `biasWeight`; items beyond the array have none.
  public func scores(
    of items: [Int32], in matrix: FactorMatrix, for factors: UnsafeBufferPointer<Float>, biases: [Float], biasWeight: Float
  ) -> [Float] {
    precondition(factors.count == matrix.factors, "\(factors.count) values for \(matrix.factors) factors")
    if user.count != matrix.stride { user = [Float](repeating: 0, count: matrix.stride) }
    for index in 0..<matrix.factors { user[index] = factors[index] }
    let dot = kernels.table.pointee.dot!
    let (padded, stride, rows, pointer) = (Int32(matrix.stride), matrix.stride, matrix.rows, matrix.pointer)
    return user.withUnsafeBufferPointer { user in
      [Float](unsafeUninitializedCapacity: items.count) { scores, count in
        for (index, item) in items.enumerated() {
          precondition(item >= 0 && Int(item) < rows, "item \(item) of \(rows)")
          let bias = Int(item) < biases.count ? biases[Int(item)] : 0
          scores[index] = dot(pointer + Int(item) * stride, user.baseAddress, padded) + biasWeight * bias
        }
        count = items.count
      }
    }
  }

  /// The `n` best of `items` in list order, given their scores. Minus infinity is never listed.
  public static func top(_ n: Int, scores: [Float], of items: [Int32], kernels: Kernels = .best) -> [ScoredItem] {
    guard n > 0, !items.isEmpty else { return [] }
    precondition(scores.count >= items.count, "\(scores.count) scores for \(items.count) items")
    let capacity = min(n, items.count)
    var heapScores = [Float](repeating: 0, count: capacity)
    var heapItems = [Int32](repeating: 0, count: capacity)
    let entries = kernels.table.pointee.select_top(scores, Int32(items.count), items, &heapScores, &heapItems, 0, Int32(capacity))
    return (0..<Int(entries)).map { ScoredItem(item: heapItems[$0], score: heapScores[$0]) }
      .sorted { $0.score == $1.score ? $0.item < $1.item : $0.score > $1.score }
  }
}
