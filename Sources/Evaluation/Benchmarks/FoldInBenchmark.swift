import Factorization

/// Measures the fold-in of users from their stored histories (recency weights and solve) with random item factors and histories.
public struct FoldInBenchmark: Sendable {
  public struct Outcome: Sendable {
    /// Microseconds per user when users are solved one after the other on one thread.
    public var microsecondsPerUser: Double
    /// Users per second when the whole batch is solved on all threads.
    public var usersPerSecond: Double
    /// The solved rows, one per user of the batch.
    public var rows: FactorMatrix
    public var hash: ResultHash
  }

  public var parameters: ALSParameters
  public var recency: RecencyWeights?
  /// The number of items with a vector.
  public var items = 41_000
  /// The number of pairs per user.
  public var history = 50
  /// The number of users solved in one pass.
  public var batch = 2000
  public var threads = 1
  public var seed: UInt64 = 42
  /// The minimum duration of each of the two measurements in seconds.
  public var secondsMin = 1.0

  public init(parameters: ALSParameters, recency: RecencyWeights?) {
    self.parameters = parameters
    self.recency = recency
  }

  /// The pairs of a user, newest first.
  struct History: Sendable {
    var items: [Int32] = []
    var timesMilliseconds: [Int64] = []
  }

  /// Random item factors with rows of norm about 1, as training produces them.
  var itemFactors: FactorMatrix {
    FactorMatrix(rows: items, factors: parameters.factors, deviation: 1 / Float(parameters.factors).squareRoot(), seed: seed)
  }

  /// Histories of distinct items drawn uniformly, which is the worst case for caches, with a few minutes between pairs.
  var histories: [History] {
    precondition(history <= items, "\(history) distinct items of \(items)")
    var random = SplitMix64(seed: seed)
    return (0..<batch).map { _ in
      var result = History()
      var taken = Set<Int32>()
      var time: Int64 = 1_700_000_000_000
      while result.items.count < history {
        let item = Int32.random(in: 0..<Int32(items), using: &random)
        guard taken.insert(item).inserted else { continue }
        result.items.append(item)
        result.timesMilliseconds.append(time)
        time -= Int64.random(in: 0..<600_000, using: &random)
      }
      return result
    }
  }

  public func run() -> Outcome {
    let items = itemFactors
    let histories = self.histories
    let bench = Bench(parameters, recency, items, histories, threads: threads)
    let one = WorkerPool(workers: 1)
    let all = WorkerPool(workers: threads)
    let watch = Stopwatch(secondsMin: secondsMin)
    let single = watch.median { bench.solve(one) }
    let parallel = threads == 1 ? single : watch.median { bench.solve(all) }
    var hash = ResultHash()
    for user in 0..<batch { hash.add(bench.rows[user]) }
    return Outcome(
      microsecondsPerUser: single / Double(batch) * 1e6, usersPerSecond: Double(batch) / parallel, rows: bench.rows, hash: hash)
  }

  /// The data and buffers of a pass.
  private final class Bench {
    private let foldIn: FoldIn
    private let items: FactorMatrix
    private let side: RowSolver.Side
    private let histories: [History]
    private let workspaces: [FoldIn.Workspace]
    private(set) var rows: FactorMatrix

    init(_ parameters: ALSParameters, _ recency: RecencyWeights?, _ items: FactorMatrix, _ histories: [History], threads: Int) {
      foldIn = FoldIn(solver: RowSolver(parameters), recency: recency)
      self.items = items
      side = RowSolver.Side(
        rows: items.pointer, gramian: Gramian(of: items, pool: WorkerPool(workers: threads)), count: items.rows)
      self.histories = histories
      workspaces = (0..<threads).map { _ in FoldIn.Workspace(factors: parameters.factors) }
      rows = FactorMatrix(rows: histories.count, factors: parameters.factors)
    }

    func solve(_ pool: WorkerPool) {
      let stride = rows.stride
      rows.withMutablePointer { pointer in
        let shared = WorkerShared((bench: self, output: pointer))
        pool.run(count: histories.count, chunk: 16) { range, worker in
          let (bench, output) = shared.value
          for user in range { bench.solve(user, bench.workspaces[worker], into: output + user * stride) }
        }
      }
    }

    private func solve(_ user: Int, _ workspace: FoldIn.Workspace, into row: UnsafeMutablePointer<Float>) {
      workspace.begin()
      let history = histories[user]
      for at in 0..<min(history.items.count, foldIn.window) {
        foldIn.add(item: history.items[at], strength: 1, timeMilliseconds: history.timesMilliseconds[at], to: workspace)
      }
      let isSolved = foldIn.solve(side: side, into: row, workspace: workspace)
      precondition(isSolved, "user \(user) has no finite solution")
    }
  }
}
