/// Counts of observations by size, in the form of Prometheus.
public final class Histogram: RegistrableMetric {
  /// Upper bounds, each included in its bucket; one more bucket counts larger values.
  public let bounds: [Double]
  private let buckets: AtomicCells
  private let total = AtomicDouble()

  public static let kind = MetricDefinition.Kind.histogram
  public let definition: MetricDefinition?

  public convenience init(_ definition: MetricDefinition? = nil) {
    self.init(bounds: definition?.bounds ?? MetricDefinition.secondsBounds, definition)
  }

  public init(bounds: [Double], _ definition: MetricDefinition? = nil) {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds must rise, got \(bounds)")
    self.bounds = bounds
    self.definition = definition
    buckets = AtomicCells(count: bounds.count + 1)
  }

  /// Counts one observation; NaN is ignored.
  public func observe(_ value: Double) {
    observe(value, times: 1)
  }

  public func observe(_ value: Double, times: Int) {
    guard !value.isNaN, times > 0 else { return }
    buckets.add(UInt64(times), at: bounds.firstIndex { value <= $0 } ?? bounds.count)
    total.update { $0 + value * Double(times) }
  }

  public func observe(nanoseconds: UInt64) { observe(Double(nanoseconds) / 1e9) }

  public var sum: Double { total.load() }
  public var count: UInt64 { buckets.loadAll().reduce(0, +) }

  /// For each bound, and then for infinity, how many observations were not larger. The last one is the count.
  var cumulativeCounts: [UInt64] {
    var running: UInt64 = 0
    return buckets.loadAll().map {
      running += $0
      return running
    }
  }
}
