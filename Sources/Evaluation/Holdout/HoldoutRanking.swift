import Factorization
import Synchronization

/// A metric of one user's list; definitions are in `RankingMetrics`.
public enum RankingMetric: Sendable, Hashable, CustomStringConvertible {
  case recall(Int), recallCapped(Int), precision(Int), ndcg(Int), meanAveragePrecision(Int), hitRate(Int)

  /// The name used in output and documentation, such as `recall_capped_at_20`.
  public var description: String {
    switch self {
    case .recall(let k): "recall_at_\(k)"
    case .recallCapped(let k): "recall_capped_at_\(k)"
    case .precision(let k): "precision_at_\(k)"
    case .ndcg(let k): "ndcg_at_\(k)"
    case .meanAveragePrecision(let k): "map_at_\(k)"
    case .hitRate(let k): "hr_at_\(k)"
    }
  }

  /// All metrics that are printed.
  public static let all: [RankingMetric] = HeldOutRanking.cutoffs.flatMap {
    [.recall($0), .recallCapped($0), .precision($0), .ndcg($0), .meanAveragePrecision($0), .hitRate($0)]
  }
}

/// The rankings of held-out users' lists. All static tests count hits here.
public struct HeldOutRanking: Sendable {
  /// The result for one user's list.
  public struct User: Sendable {
    /// The same as in `HeldOutUser`.
    public var user: Int
    public var testItems: Int
    /// The ranks of the test items in the list, ascending, from 0.
    public var hitRanks: [Int]

    public func value(_ metric: RankingMetric) -> Double {
      switch metric {
      case .recall(let k): RankingMetrics.recall(hits: hits(k), testItems: testItems)
      case .recallCapped(let k): RankingMetrics.recallCapped(hits: hits(k), testItems: testItems, k: k)
      case .precision(let k): Double(hits(k)) / Double(k)
      case .ndcg(let k): RankingMetrics.ndcg(hitRanks: hitRanks.prefix(hits(k)), testItems: testItems, k: k)
      case .meanAveragePrecision(let k):
        RankingMetrics.averagePrecision(hitRanks: hitRanks.prefix(hits(k)), testItems: testItems, k: k)
      case .hitRate(let k): hits(k) > 0 ? 1 : 0
      }
    }

    private func hits(_ k: Int) -> Int { hitRanks.firstIndex { $0 >= k } ?? hitRanks.count }
  }

  public static let cutoffs = [10, 20, 50, 100]
  /// The length of the lists.
  public static let depth = 100

  public let users: [User]
  /// The number of items that a list can contain.
  public let catalogue: Int
  /// The best rank of each item in any list; `depth` if it is in none.
  private let bestRanks: [UInt8]

  private static let usersAtOnce = 64

  /// Computes a list for each user and finds the test items in it; the result does not depend on the number of workers.
  ///
  /// - Parameter catalogue: the number of items.
  public init(of users: [HeldOutUser], catalogue: Int, workers: Int, by ranker: some HoldoutRanker) {
    let parts = Mutex<[Int: [User]]>([:])
    let best = Mutex<[UInt8]>([UInt8](repeating: UInt8(Self.depth), count: catalogue))
    WorkerPool(workers: workers).run(count: users.count, chunk: Self.usersAtOnce) { range, _ in
      let lists = ranker.lists(for: users[range], count: Self.depth)
      let judged = zip(users[range], lists).map { user, list in
        User(user: user.user, testItems: user.testItems, hitRanks: list.indices.filter { user.items.containsSorted(list[$0]) })
      }
      parts.withLock { $0[range.lowerBound] = judged }
      best.withLock { best in
        for list in lists { for (rank, item) in list.enumerated() { best[Int(item)] = min(best[Int(item)], UInt8(rank)) } }
      }
    }
    self.users = parts.withLock { parts in parts.sorted { $0.key < $1.key }.flatMap(\.value) }
    bestRanks = best.withLock { $0 }
    self.catalogue = catalogue
  }

  public func values(_ metric: RankingMetric) -> [Double] { users.map { $0.value(metric) } }

  /// Returns the mean over users; 0 if there are none.
  public func mean(_ metric: RankingMetric) -> Double {
    users.reduce(0) { $0 + $1.value(metric) } / Double(max(1, users.count))
  }

  /// Returns the share of the catalogue that is among the first k of at least one list.
  public func coverage(_ k: Int) -> Double {
    Double(bestRanks.reduce(0) { $0 + (Int($1) < k ? 1 : 0) }) / Double(max(1, catalogue))
  }
}

extension [Int32] {
  /// Returns whether an ascending array contains the item.
  func containsSorted(_ item: Int32) -> Bool {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < item { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == item
  }
}
