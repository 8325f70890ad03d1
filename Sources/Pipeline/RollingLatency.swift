import StreamingRecommender
import Telemetry

/// Percentiles of the latencies of the last one to two minutes.
struct RollingLatency {
  private var current = LatencyHistogram()
  private var previous = LatencyHistogram()
  private var turnedAt: UInt64 = 0
  private static let window: UInt64 = 60_000_000_000

  mutating func record(_ nanoseconds: UInt64, now: UInt64) {
    turn(now)
    current.record(nanoseconds)
  }

  mutating func percentiles(now: UInt64) -> (p50: Double?, p99: Double?) {
    turn(now)
    let all = LatencyHistogram()
    all.merge(current)
    all.merge(previous)
    guard all.count > 0 else { return (nil, nil) }
    return (Double(all.quantile(0.5)) / 1e6, Double(all.quantile(0.99)) / 1e6)
  }

  private mutating func turn(_ now: UInt64) {
    guard now - turnedAt > Self.window else { return }
    turnedAt = now
    previous = current
    current = LatencyHistogram()
  }
}
