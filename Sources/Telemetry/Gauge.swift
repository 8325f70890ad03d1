/// A number that rises and falls.
public final class Gauge: RegistrableMetric {
  private let current = AtomicDouble()

  public static let kind = MetricDefinition.Kind.gauge
  public let definition: MetricDefinition?

  public init(_ definition: MetricDefinition? = nil) { self.definition = definition }

  public func set(_ value: Double) { current.store(value) }
  public func set(_ value: Int) { current.store(Double(value)) }
  public func add(_ amount: Double) { current.update { $0 + amount } }
  public var value: Double { current.load() }
}
