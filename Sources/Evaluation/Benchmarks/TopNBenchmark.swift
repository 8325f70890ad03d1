import Factorization

/// Measures the rate of top-N lists, either with random factors of equal norm and nothing seen, which is the worst case, or for all users
/// of a trained model without the items that each has seen.
public struct TopNBenchmark: Sendable {
  public struct Outcome: Sendable {
    public var listsPerSecond: Double
    /// Wall time of the batch divided by its number of lists.
    public var microsecondsPerList: Double
    /// Whether the lists of some users of the batch equal those of a full sort of all scores.
    public var isExact: Bool
    public var lists: [[ScoredItem]]
    public var hash: ResultHash
  }

  /// A trained model and the items that its users have seen, used instead of random factors.
  public struct Trained: Sendable {
    public var users: FactorMatrix
    public var items: FactorMatrix
    /// Row u has the items of user u.
    public var seen: InteractionMatrix

    public init(users: FactorMatrix, items: FactorMatrix, seen: InteractionMatrix) {
      self.users = users
      self.items = items
      self.seen = seen
    }
  }

  public var trained: Trained?
  public var items = 100_000
  public var factors = 64
  /// The number of users whose lists are computed in one pass.
  public var batch = 64
  public var n = 20
  public var threads = 1
  public var seed: UInt64 = 42
  /// The minimum duration of the measurement in seconds.
  public var secondsMin = 1.0
  /// The number of users whose lists are compared with a full sort.
  public var usersChecked = 4

  public init() {}

  public func run() -> Outcome {
    let random = { (rows: Int, salt: UInt64) in
      FactorMatrix(rows: rows, factors: factors, deviation: 1 / Float(factors).squareRoot(), seed: seed ^ salt)
    }
    let (users, catalogue) = trained.map { ($0.users, $0.items) } ?? (random(batch, 0x5EED), random(items, 0))
    let seen = (0..<users.rows).map { user in trained.map { Array($0.seen.indices[$0.seen.starts[user]..<$0.seen.starts[user + 1]]) } ?? []
    }
    let bench = Bench(users, ItemPanels(catalogue), seen, n: n, threads: threads)
    let seconds = Stopwatch(secondsMin: secondsMin).median { bench.pass() }
    let lists = bench.lists
    var hash = ResultHash()
    for entry in lists.joined() {
      hash.add(entry.item)
      hash.add(entry.score)
    }
    let checked = Array(stride(from: 0, to: users.rows, by: max(1, users.rows / max(1, usersChecked))).prefix(usersChecked))
    let isExact = withExtendedLifetime(users) {
      checked.allSatisfy { FullSort(users[$0], catalogue, without: seen[$0]).agrees(with: lists[$0], n: n) }
    }
    return Outcome(
      listsPerSecond: Double(users.rows) / seconds, microsecondsPerList: seconds / Double(users.rows) * 1e6,
      isExact: isExact && !checked.isEmpty, lists: lists, hash: hash)
  }

  /// The data and buffers of a pass.
  private final class Bench {
    private let users: FactorMatrix
    private let panels: ItemPanels
    private let seen: [[Int32]]
    private let n: Int
    private let pool: WorkerPool
    private let selectors: [TopNSelector]
    /// The number of users in one work item: enough to be scored together, and few enough to occupy all workers.
    private let chunk: Int
    private(set) var lists: [[ScoredItem]] = []

    init(_ users: FactorMatrix, _ panels: ItemPanels, _ seen: [[Int32]], n: Int, threads: Int) {
      self.users = users
      self.panels = panels
      self.seen = seen
      self.n = n
      pool = WorkerPool(workers: threads)
      selectors = (0..<threads).map { _ in TopNSelector() }
      let share = (users.rows + threads - 1) / threads
      chunk = min(64, max(16, (share + 15) / 16 * 16))
    }

    func pass() {
      let shared = WorkerShared(self)
      lists = pool.map(count: users.rows, chunk: chunk) { range, worker in
        let bench = shared.value
        let queries = range.map { TopNSelector.Query(factors: bench.users[$0], excluded: bench.seen[$0]) }
        return bench.selectors[worker].top(bench.n, of: bench.panels, for: queries)
      }
    }
  }
}

/// All items of one user sorted by scores in Double: the reference implementation of the top-N selection.
struct FullSort {
  private let scores: [Double]
  private let order: [Int]
  /// The tolerance for a Float score.
  private let tolerance: Double

  init(_ user: UnsafeBufferPointer<Float>, _ items: FactorMatrix, without seen: [Int32] = []) {
    let scores = (0..<items.rows).map { item in zip(user, items[item]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } }
    self.scores = scores
    let left = Set(scores.indices).subtracting(seen.map(Int.init))
    order = left.sorted { (scores[$0], $1) > (scores[$1], $0) }
    tolerance = 1e-5 * max(1, scores.reduce(0) { max($0, abs($1)) })
  }

  /// Returns whether the list has distinct items with their scores, none of them lower than the score that belongs at its rank.
  ///
  /// Items whose scores differ by less than the precision of Float may be in either order.
  func agrees(with list: [ScoredItem], n: Int) -> Bool {
    guard list.count == min(n, order.count), Set(list.map(\.item)).count == list.count else { return false }
    guard Set(order).isSuperset(of: list.map { Int($0.item) }) else { return false }
    return list.enumerated().allSatisfy { place, entry in
      let score = scores[Int(entry.item)]
      return abs(score - Double(entry.score)) <= tolerance && score >= scores[order[place]] - tolerance
    }
  }
}
