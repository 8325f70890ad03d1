import Synchronization

/// All metrics of a process by name and label values.
///
/// Looking a metric up takes a lock, changing it does not: look up once and keep the handle where it matters.
public final class MetricRegistry: Sendable {
  /// Values of further label sets go into one set with `other` for every label: labels from the outside cannot fill the memory.
  public static let seriesPerFamilyMax = 2000

  struct Family {
    let definition: MetricDefinition
    var series: [[String]: Series] = [:]
  }

  enum Series {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
  }

  private let families = Mutex<[String: Family]>([:])
  private let collectors = Mutex<[@Sendable () -> Void]>([])

  public init() {}

  public func counter(_ definition: MetricDefinition, labels: [String] = []) -> Counter {
    guard case .counter(let counter) = series(definition, labels) else { preconditionFailure("\(definition.name) is no counter") }
    return counter
  }

  public func gauge(_ definition: MetricDefinition, labels: [String] = []) -> Gauge {
    guard case .gauge(let gauge) = series(definition, labels) else { preconditionFailure("\(definition.name) is no gauge") }
    return gauge
  }

  public func histogram(_ definition: MetricDefinition, labels: [String] = []) -> Histogram {
    guard case .histogram(let histogram) = series(definition, labels) else {
      preconditionFailure("\(definition.name) is no histogram")
    }
    return histogram
  }

  /// Takes a series off the page, for example the lag of a partition that went to another engine.
  public func remove(_ definition: MetricDefinition, labels: [String]) {
    families.withLock { $0[definition.name]?.series[labels] = nil }
  }

  /// Called before each rendering, to bring values up to date that are read and not counted.
  public func collect(_ collector: @escaping @Sendable () -> Void) {
    collectors.withLock { $0.append(collector) }
  }

  /// The page in Prometheus' text format 0.0.4: families by name, series by label values, families without series left out.
  public func render() -> String {
    for collector in collectors.withLock({ $0 }) { collector() }
    let families = families.withLock { Array($0.values) }
    return PrometheusText.render(families.sorted { $0.definition.name < $1.definition.name })
  }

  private func series(_ definition: MetricDefinition, _ labels: [String]) -> Series {
    precondition(
      labels.count == definition.labels.count, "\(definition.name) has the labels \(definition.labels), got the values \(labels)")
    return families.withLock { families in
      var family = families[definition.name] ?? Family(definition: definition)
      precondition(family.definition == definition, "\(definition.name) has two definitions")
      if let known = family.series[labels] { return known }
      let isFull = family.series.count >= Self.seriesPerFamilyMax
      let place = isFull ? labels.map { _ in "other" } : labels
      if let known = family.series[place] { return known }
      let new = Self.makeSeries(definition)
      family.series[place] = new
      families[definition.name] = family
      return new
    }
  }

  private static func makeSeries(_ definition: MetricDefinition) -> Series {
    switch definition.kind {
    case .counter: .counter(Counter())
    case .gauge: .gauge(Gauge())
    case .histogram: .histogram(Histogram(bounds: definition.bounds))
    }
  }
}
