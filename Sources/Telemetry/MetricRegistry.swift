import Synchronization

/// All metrics of a process by name and label values.
///
/// Looking a metric up takes a lock, changing it does not: look up once and keep the handle where it matters.
public final class MetricRegistry: Sendable {
  private let families = Mutex<[String: any RegisteredFamily]>([:])
  private let collectors = Mutex<[@Sendable () -> Void]>([])

  public init() {}

  public func counter(_ definition: MetricDefinition, labels: [String] = []) -> Counter { metric(definition, labels) }
  public func gauge(_ definition: MetricDefinition, labels: [String] = []) -> Gauge { metric(definition, labels) }
  public func histogram(_ definition: MetricDefinition, labels: [String] = []) -> Histogram { metric(definition, labels) }

  /// Takes in a family that was made elsewhere; its name must be new here.
  public func add(_ family: any RegisteredFamily) {
    families.withLock { families in
      let old = families.updateValue(family, forKey: family.definition.name)
      precondition(old == nil, "\(family.definition.name) is registered twice")
    }
  }

  /// Called before each rendering, to update values that are read from elsewhere.
  public func collect(_ collector: @escaping @Sendable () -> Void) {
    collectors.withLock { $0.append(collector) }
  }

  /// The definitions of all families, by name.
  public var definitions: [MetricDefinition] {
    families.withLock { $0.values.map(\.definition) }.sorted { $0.name < $1.name }
  }

  /// The page in Prometheus' text format 0.0.4: families by name, series by label values, families without series left out.
  public func render() -> String {
    for collector in collectors.withLock({ $0 }) { collector() }
    let families = families.withLock { Array($0.values) }
    return PrometheusText.render(families.sorted { $0.definition.name < $1.definition.name })
  }

  private func metric<Metric: RegistrableMetric>(_ definition: MetricDefinition, _ labels: [String]) -> Metric {
    precondition(definition.kind == Metric.kind, "\(definition.name) is a \(definition.kind), not a \(Metric.kind)")
    let family = families.withLock { families in
      let known = families[definition.name]
      let family = known ?? MetricFamily<Metric>(definition)
      families[definition.name] = family
      return family
    }
    precondition(family.definition == definition, "\(definition.name) has two definitions")
    guard let family = family as? MetricFamily<Metric> else { preconditionFailure("\(definition.name) is not a \(Metric.kind)") }
    return family.with(labels: labels)
  }
}
