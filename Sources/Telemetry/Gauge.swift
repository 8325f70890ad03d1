/// A number that rises and falls.
public final class Gauge: Sendable {
  private let current = AtomicDouble()

  public init() {}

  public func set(_ value: Double) { current.store(value) }
  public func set(_ value: Int) { current.store(Double(value)) }
  public func add(_ amount: Double) { current.update { $0 + amount } }
  public var value: Double { current.load() }
}
