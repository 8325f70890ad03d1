import Factorization
import Synchronization

/// Item-kNN, a baseline: the score of an item is the sum of its similarities to the items of the history.
///
/// Similarity is the cosine of the items' users with shrinkage, users / (sqrt(users of i x users of j) + shrinkage), and only the most
/// similar items of each item are used (Sarwar et al., 2001; shrinkage as in Dacrema et al., 2019). Dislikes are not counted.
public struct ItemNeighboursRanker: HoldoutRanker {
  public static let neighbours = 100
  public static let shrinkage: Float = 10

  /// Row j has the items that have item j among their neighbours, with the similarities.
  private let similar: InteractionMatrix
  private let histories: InteractionMatrix

  /// - Parameters:
  ///   - training: the matrix from which similarities are computed.
  ///   - histories: the items from which lists are computed and which they leave out, by the user's row.
  public init(training: InteractionMatrix, histories: InteractionMatrix, workers: Int) {
    similar = Self.neighbours(training, workers: workers).transposed()
    self.histories = histories
  }

  public func lists(for users: ArraySlice<HeldOutUser>, count: Int) -> [[Int32]] {
    var scores = SparseScores(columns: similar.columns)
    return users.map { user in
      let seen = Array(histories.columns(of: user.row))
      for item in histories.likedColumns(of: user.row) {
        for entry in similar.starts[Int(item)]..<similar.starts[Int(item) + 1] {
          scores.add(similar.strengths[entry], to: similar.indices[entry])
        }
      }
      return scores.takeBest(count) { !seen.containsSorted($0) }.map(\.item)
    }
  }

  /// Returns one row per item with its most similar items and their similarities.
  private static func neighbours(_ training: InteractionMatrix, workers: Int) -> InteractionMatrix {
    let byItem = training.transposed()
    let liked = (0..<byItem.rows).map { byItem.likedColumns(of: $0).count }
    let found = Mutex<[[ScoredItem]]>([[ScoredItem]](repeating: [], count: byItem.rows))
    WorkerPool(workers: workers).run(count: byItem.rows, chunk: 64) { range, _ in
      var scores = SparseScores(columns: training.columns)
      let rows = range.map { item in
        for user in byItem.likedColumns(of: item) {
          for entry in training.starts[Int(user)]..<training.starts[Int(user) + 1] where training.strengths[entry] > 0 {
            scores.add(1, to: training.indices[entry])
          }
        }
        scores.scale { other, shared in shared / ((Float(liked[item]) * Float(liked[Int(other)])).squareRoot() + shrinkage) }
        return scores.takeBest(neighbours) { $0 != Int32(item) }
      }
      found.withLock { found in for (row, item) in zip(rows, range) { found[item] = row } }
    }
    var matrix = InteractionMatrix(columns: training.columns)
    for row in found.withLock({ $0 }) {
      for neighbour in row { matrix.append(column: neighbour.item, strength: neighbour.score) }
      matrix.endRow()
    }
    return matrix
  }
}

/// A sparse vector of scores.
struct SparseScores {
  private var scores: [Float]
  private var touched: [Int32] = []

  init(columns: Int) { scores = [Float](repeating: 0, count: columns) }

  /// - Parameter amount: must be positive.
  mutating func add(_ amount: Float, to item: Int32) {
    if scores[Int(item)] == 0 { touched.append(item) }
    scores[Int(item)] += amount
  }

  mutating func scale(_ transform: (Int32, Float) -> Float) {
    for item in touched { scores[Int(item)] = transform(item, scores[Int(item)]) }
  }

  /// Returns the best `count` items, best first with ties by lower index, and clears all scores.
  mutating func takeBest(_ count: Int, where isKept: (Int32) -> Bool) -> [ScoredItem] {
    var best = BestItems(count: count)
    for item in touched {
      let scored = ScoredItem(item: item, score: scores[Int(item)])
      // Most scores are too low, and comparing them is cheaper than calling `isKept`.
      if best.takes(scored), isKept(item) { best.add(scored) }
      scores[Int(item)] = 0
    }
    touched.removeAll(keepingCapacity: true)
    return best.sorted
  }
}

/// The best items seen so far, as a heap with the worst of them at the root.
private struct BestItems {
  private let count: Int
  private var heap: [ScoredItem] = []

  init(count: Int) {
    precondition(count > 0, "a list of \(count) items")
    self.count = count
  }

  var sorted: [ScoredItem] { heap.sorted(by: Self.isBetter) }

  func takes(_ item: ScoredItem) -> Bool { heap.count < count || Self.isBetter(item, heap[0]) }

  /// - Parameter item: one for which `takes` returns true.
  mutating func add(_ item: ScoredItem) {
    if heap.count < count {
      heap.append(item)
      siftUp()
    } else {
      heap[0] = item
      siftDown()
    }
  }

  private static func isBetter(_ a: ScoredItem, _ b: ScoredItem) -> Bool { a.score != b.score ? a.score > b.score : a.item < b.item }

  private mutating func siftUp() {
    var at = heap.count - 1
    while at > 0, Self.isBetter(heap[(at - 1) / 2], heap[at]) {
      heap.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  private mutating func siftDown() {
    var at = 0
    while true {
      var worst = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && Self.isBetter(heap[worst], heap[child]) { worst = child }
      if worst == at { return }
      heap.swapAt(at, worst)
      at = worst
    }
  }
}
