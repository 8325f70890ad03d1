import Synchronization

/// Quantiles of durations in fixed memory (20 KiB), wrong by at most one part in 64.
///
/// Log-linear buckets as in HdrHistogram (Gil Tene): each power of two is cut into 64 equal parts, and below 128 ns each nanosecond has its own.
/// Durations above `nanosecondsMax` (4.9 hours) count as that long; `max` stays exact (up to 292 years).
///
/// Any number of threads may record and read at once. A reader sees every record from before it and possibly some that are made meanwhile.
public final class LatencyHistogram: Sendable {
  private static let subBucketBits = 6
  private static let subBuckets = 1 << subBucketBits
  private static let bitsMax = 44
  public static let nanosecondsMax: UInt64 = 1 << 44 - 1
  /// `quantile` is never below the true value and at most this share above it.
  public static let relativeErrorMax = 1.0 / Double(subBuckets)

  private let buckets = AtomicCells(count: (bitsMax - subBucketBits + 1) * subBuckets)
  private let largest = Atomic<UInt64>(0)
  private let total = Atomic<UInt64>(0)

  public init() {}

  public func record(_ nanoseconds: UInt64) {
    buckets.add(1, at: Self.bucket(of: min(nanoseconds, Self.nanosecondsMax)))
    total.wrappingAdd(nanoseconds, ordering: .relaxed)
    // `Atomic<UInt64>.max` compares as if signed (Swift 6.3.1): with the highest bit set the value would look smallest.
    largest.max(min(nanoseconds, UInt64(Int64.max)), ordering: .relaxed)
  }

  /// Adds everything that the other histogram has recorded.
  public func merge(_ other: LatencyHistogram) {
    for index in 0..<buckets.count {
      let count = other.buckets.load(index)
      if count > 0 { buckets.add(count, at: index) }
    }
    total.wrappingAdd(other.total.load(ordering: .relaxed), ordering: .relaxed)
    largest.max(other.largest.load(ordering: .relaxed), ordering: .relaxed)
  }

  public var count: UInt64 { buckets.loadAll().reduce(0, +) }
  public var max: UInt64 { largest.load(ordering: .relaxed) }
  public var mean: Double {
    let count = count
    return count == 0 ? 0 : Double(total.load(ordering: .relaxed)) / Double(count)
  }

  /// The smallest duration in nanoseconds that at least this share of the records does not exceed (nearest rank); 0 without records.
  public func quantile(_ share: Double) -> UInt64 {
    quantiles([share])[0]
  }

  /// Several quantiles of one reading, so that they are consistent.
  public func quantiles(_ shares: [Double]) -> [UInt64] {
    let counts = buckets.loadAll()
    let count = counts.reduce(0, +)
    let max = max
    return shares.map { share in
      precondition(share >= 0 && share <= 1, "a quantile is between 0 and 1, got \(share)")
      guard count > 0 else { return 0 }
      let rank = Swift.max(1, Swift.min(count, UInt64((share * Double(count)).rounded(.up))))
      var seen: UInt64 = 0
      for (index, inBucket) in counts.enumerated() {
        seen += inBucket
        if seen >= rank { return index == counts.count - 1 ? max : Swift.min(Self.largestValue(inBucket: index), max) }
      }
      return max
    }
  }

  static func bucket(of nanoseconds: UInt64) -> Int {
    let bits = UInt64.bitWidth - nanoseconds.leadingZeroBitCount
    let shift = Swift.max(0, bits - subBucketBits - 1)
    return shift * subBuckets + Int(nanoseconds >> UInt64(shift))
  }

  static func largestValue(inBucket index: Int) -> UInt64 {
    let shift = Swift.max(0, index / subBuckets - 1)
    return (UInt64(index - shift * subBuckets + 1) << UInt64(shift)) - 1
  }
}
