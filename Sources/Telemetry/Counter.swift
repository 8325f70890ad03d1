import Synchronization

/// A number that only rises. Whole amounts are exact up to 2^64; seconds go into a part with a fraction.
public final class Counter: RegistrableMetric {
  private let whole = Atomic<UInt64>(0)
  private let fraction = AtomicDouble()

  public static let kind = MetricDefinition.Kind.counter
  public let definition: MetricDefinition?

  public init(_ definition: MetricDefinition? = nil) { self.definition = definition }

  public func add(_ amount: Int = 1) {
    precondition(amount >= 0, "a counter only rises, got \(amount)")
    whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
  }

  public func add(seconds: Double) {
    precondition(seconds >= 0, "a counter only rises, got \(seconds)")
    fraction.update { $0 + seconds }
  }

  /// For totals that another component counts, such as the kernel or a client library; a total below the present value is ignored.
  public func raise(to total: Double) {
    fraction.update { max($0, total) }
  }

  public var value: Double { Double(whole.load(ordering: .relaxed)) + fraction.load() }

  /// The exact value, where no fraction was added.
  var exactValue: UInt64? { fraction.load() == 0 ? whole.load(ordering: .relaxed) : nil }
}
