import Dispatch
import Testing

@testable import Telemetry

@Suite struct LatencyHistogramTests {
  private static let shares = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]

  /// SplitMix64.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static func exactQuantile(_ sorted: [UInt64], _ share: Double) -> UInt64 {
    sorted[max(1, Int((share * Double(sorted.count)).rounded(.up))) - 1]
  }

  /// Durations whose logarithm is spread evenly, from nanoseconds to an hour.
  private static func randomDurations(seed: UInt64, count: Int) -> [UInt64] {
    var generator = Generator(state: seed)
    return (0..<count).map { _ in UInt64.random(in: 0...(1 << UInt64.random(in: 0...41, using: &generator)), using: &generator) }
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func quantilesAreWithinTheStatedErrorOfTheExactOnes(seed: UInt64) {
    let durations = Self.randomDurations(seed: seed, count: 20_000)
    let histogram = LatencyHistogram()
    for duration in durations { histogram.record(duration) }
    let sorted = durations.sorted()
    for (share, estimate) in zip(Self.shares, histogram.quantiles(Self.shares)) {
      let exact = Self.exactQuantile(sorted, share)
      #expect(estimate >= exact, "seed \(seed), quantile \(share)")
      #expect(Double(estimate) <= Double(exact) * (1 + LatencyHistogram.relativeErrorMax), "seed \(seed), quantile \(share)")
    }
    #expect(histogram.max == sorted.last)
    #expect(histogram.count == 20_000)
  }

  @Test func bucketsLieSideBySideWithoutGaps() {
    let last = LatencyHistogram.bucket(of: LatencyHistogram.nanosecondsMax)
    var next: UInt64 = 0
    for bucket in 0...last {
      #expect(LatencyHistogram.bucket(of: next) == bucket)
      let largest = LatencyHistogram.largestValue(inBucket: bucket)
      #expect(LatencyHistogram.bucket(of: largest) == bucket)
      next = largest + 1
    }
    #expect(next == LatencyHistogram.nanosecondsMax + 1)
  }

  @Test func mergedHistogramsEqualOneThatSawEverything() {
    let durations = Self.randomDurations(seed: 9, count: 5000)
    let whole = LatencyHistogram()
    let first = LatencyHistogram()
    let second = LatencyHistogram()
    for (index, duration) in durations.enumerated() {
      whole.record(duration)
      (index % 3 == 0 ? first : second).record(duration)
    }
    first.merge(second)
    #expect(first.quantiles(Self.shares) == whole.quantiles(Self.shares))
    #expect(first.max == whole.max)
    #expect(first.count == whole.count)
    #expect(first.mean == whole.mean)
  }

  @Test func emptyHistogramAnswersZero() {
    let histogram = LatencyHistogram()
    #expect(histogram.quantile(0.99) == 0)
    #expect(histogram.max == 0)
    #expect(histogram.mean == 0)
  }

  @Test func tooLongDurationsCountAsTheLongest() {
    let histogram = LatencyHistogram()
    histogram.record(.max)
    histogram.record(LatencyHistogram.nanosecondsMax + 1)
    #expect(histogram.quantile(0.5) == UInt64(Int64.max))
    #expect(histogram.max == UInt64(Int64.max))
    #expect(histogram.count == 2)
  }

  @Test func recordsOfManyThreadsAreAllCounted() {
    let histogram = LatencyHistogram()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for value in 0..<2000 { histogram.record(UInt64(thread * 2000 + value)) }
    }
    #expect(histogram.count == 16_000)
    #expect(histogram.max == 15_999)
  }
}
