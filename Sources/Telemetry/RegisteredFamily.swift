/// A metric family of any kind, as a registry holds it.
public protocol RegisteredFamily: AnyObject, Sendable {
  var definition: MetricDefinition { get }
  /// The series by label values.
  var all: [[String]: any RegistrableMetric] { get }
  func remove(labels: [String])
}
