import Factorization
import Synchronization

/// 95 % confidence intervals of means by resampling users with replacement (Efron's percentile bootstrap). A user that was tested in
/// several splits is drawn with all of its tests.
public struct HoldoutBootstrap: Sendable {
  public var resamples: Int
  public var seed: UInt64
  public var workers: Int

  public init(resamples: Int = 1000, seed: UInt64 = 98_765, workers: Int = 1) {
    precondition(resamples > 0, "an interval needs resamples, got \(resamples)")
    self.resamples = resamples
    self.seed = seed
    self.workers = workers
  }

  /// Returns one interval of the mean per column of the sample; the result does not depend on the number of workers.
  public func intervals(_ sample: Sample) -> [ClosedRange<Double>] {
    let width = sample.columns
    guard sample.users > 0 else { return [ClosedRange<Double>](repeating: 0...0, count: width) }
    let means = Mutex<[[Double]]>([[Double]](repeating: [], count: resamples))
    WorkerPool(workers: workers).run(count: resamples, chunk: 8) { range, _ in
      for resample in range {
        let drawn = sample.resampledMeans(seed: seed &+ UInt64(resample) &* 0xD6E8_FEB8_6659_FD93)
        means.withLock { $0[resample] = drawn }
      }
    }
    let rows = means.withLock { $0 }
    return (0..<width).map { column in
      let sorted = rows.map { $0[column] }.sorted()
      return Self.quantile(sorted, 0.025)...Self.quantile(sorted, 0.975)
    }
  }

  private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    sorted[min(sorted.count - 1, Int((share * Double(sorted.count - 1)).rounded()))]
  }

  /// Values by user in one or more columns.
  public struct Sample: Sendable {
    public let columns: Int
    public private(set) var users = 0
    /// The number of tests and the sum of each column, per user.
    private var sums: [Double] = []
    private var rows: [Int: Int] = [:]

    public init(columns: Int) { self.columns = columns }

    public mutating func add(user: Int, _ values: [Double]) {
      precondition(values.count == columns, "\(values.count) values in \(columns) columns")
      let row: Int
      if let known = rows[user] {
        row = known
      } else {
        row = users
        rows[user] = row
        users += 1
        sums.append(contentsOf: repeatElement(0, count: columns + 1))
      }
      let start = row * (columns + 1)
      sums[start] += 1
      for column in 0..<columns { sums[start + 1 + column] += values[column] }
    }

    /// The means over all tests; zeros if there are none.
    public var means: [Double] { mean(of: 0..<users) }

    fileprivate func resampledMeans(seed: UInt64) -> [Double] {
      var generator = SplitMix64(seed: seed)
      return mean(of: (0..<users).lazy.map { _ in Int(generator.next(upperBound: UInt64(users))) })
    }

    private func mean(of drawn: some Sequence<Int>) -> [Double] {
      var totals = [Double](repeating: 0, count: columns + 1)
      for user in drawn { for column in 0...columns { totals[column] += sums[user * (columns + 1) + column] } }
      return totals.dropFirst().map { totals[0] == 0 ? 0 : $0 / totals[0] }
    }
  }
}
