import Synchronization

/// Bounds on the series of one metric.
public enum MetricSeries {
  /// Values of further label sets go into one set with `other` for every label: labels from the outside cannot fill the memory.
  public static let perFamilyMax = 2000
}

/// All series of one metric: `metrics.eventsApplied.add(3, labels: ["events"])`, or keep the handle of `with("events")`.
///
/// Looking a series up takes a lock, changing it does not: look up once and keep the handle where it matters.
public final class MetricFamily<Metric: RegistrableMetric>: RegisteredFamily {
  public let definition: MetricDefinition
  private let series: Mutex<[[String]: Metric]>

  /// The series whose labels are known in advance exist from the start, and so does the one of a metric without labels.
  public init(_ definition: MetricDefinition) {
    self.definition = definition
    series = Mutex(Dictionary(uniqueKeysWithValues: definition.knownLabelSets.map { ($0, Metric(definition)) }))
  }

  /// A metric without labels that exists already.
  init(only metric: Metric, _ definition: MetricDefinition) {
    precondition(definition.labels.isEmpty, "\(definition.name) has the labels \(definition.labels)")
    self.definition = definition
    series = Mutex([[]: metric])
  }

  public var all: [[String]: any RegistrableMetric] { series.withLock { $0 } }

  /// The series with these label values, made at the first call.
  ///
  /// Values from outside cannot fill the memory: beyond `MetricSeries.perFamilyMax` sets of them, further ones share one
  /// series with `other` for every label.
  public func with(labels: [String]) -> Metric {
    precondition(
      labels.count == definition.labels.count, "\(definition.name) has the labels \(definition.labels), got the values \(labels)")
    return series.withLock { series in
      if let known = series[labels] { return known }
      let isFull = series.count >= MetricSeries.perFamilyMax
      let place = isFull ? labels.map { _ in "other" } : labels
      if let known = series[place] { return known }
      let new = Metric(definition)
      series[place] = new
      return new
    }
  }

  public func with(_ labels: String...) -> Metric { with(labels: labels) }

  /// Takes a series off the page, for example the lag of a partition that another engine has now.
  public func remove(labels: [String]) { series.withLock { $0[labels] = nil } }
}

extension MetricFamily where Metric == Counter {
  public func add(_ amount: Int = 1, labels: [String]) { with(labels: labels).add(amount) }
}

extension MetricFamily where Metric == Gauge {
  public func set(_ value: Double, labels: [String]) { with(labels: labels).set(value) }
}

extension MetricFamily where Metric == Histogram {
  public func observe(_ value: Double, labels: [String]) { with(labels: labels).observe(value) }
}

extension RegistrableMetric {
  /// A family of which this is the only series.
  func family(_ definition: MetricDefinition) -> any RegisteredFamily { MetricFamily(only: self, definition) }
}
