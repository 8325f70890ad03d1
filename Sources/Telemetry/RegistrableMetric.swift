/// A counter, a gauge or a histogram, as a registry holds it.
public protocol RegistrableMetric: AnyObject, Sendable {
  static var kind: MetricDefinition.Kind { get }
  /// What it measures; `nil` for one that is in no registry.
  var definition: MetricDefinition? { get }
  init(_ definition: MetricDefinition?)
}

extension RegistrableMetric {
  /// A family of which this is the only series.
  func family(_ definition: MetricDefinition) -> any RegisteredFamily { MetricFamily(only: self, definition) }
}
