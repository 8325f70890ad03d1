/// A counter, a gauge or a histogram, as a registry holds it.
public protocol RegistrableMetric: AnyObject, Sendable {
  static var kind: MetricDefinition.Kind { get }
  /// What it measures; `nil` for one that is in no registry.
  var definition: MetricDefinition? { get }
  init(_ definition: MetricDefinition?)
}
