import RunRecords
import Telemetry

extension Comparison {
  /// A number of the results, and what it was in each run.
  public struct Metric: Sendable, Equatable {
    /// Such as `beside.popularity.recall_at_10`.
    public let path: String
    public let values: [Double?]
    /// 95 % confidence intervals, as far as the results have them.
    public let intervals: [ClosedRange<Double>?]
    public let direction: MetricDirection

    /// What is before the last point; empty for a metric of the run as a whole.
    public var group: String { path.lastIndex(of: ".").map { String(path[..<$0]) } ?? "" }
    public var name: String { path.lastIndex(of: ".").map { String(path[path.index(after: $0)...]) } ?? path }
    public var best: Int? { direction.best(of: values) }

    /// The value less that of the first run; `nil` for the first run and where a value is missing.
    public func difference(_ index: Int) -> Double? {
      guard index > 0, let first = values[0], let value = values[index] else { return nil }
      return value - first
    }

    /// The difference as a share of the first value.
    public func share(_ index: Int) -> Double? {
      guard let first = values[0], first != 0 else { return nil }
      return difference(index).map { $0 / abs(first) }
    }
  }

  static func metrics(of runs: [RunRecord], without settings: [Setting]) -> [Metric] {
    // Searches have the share and the seed of their split beside the figures.
    let settings = Set(settings.map(\.name))
    let values = runs.map { $0.metrics.filter { !settings.contains($0.key) } }
    let intervals = runs.map { Self.intervals(in: $0.result) }
    let objective = Self.objective(of: runs)
    let metrics = Set(values.flatMap(\.keys)).map { path in
      Metric(
        path: path, values: values.map { $0[path] }, intervals: intervals.map { $0[path] },
        direction: MetricDirection(path: path, objective: objective))
    }
    return metrics.sorted(by: isBefore)
  }

  /// What searches look for, if all of them look for the same.
  static func objective(of runs: [RunRecord]) -> String? {
    let names = Set(
      runs.compactMap { run -> String? in
        if case .string(let name)? = run.result["metric"] { return name }
        return nil
      })
    return names.count == 1 ? names.first : nil
  }

  /// Groups by name, that of the run as a whole first; in a group quality, cost, and what is neither; numbers in names by their size.
  private static func isBefore(_ first: Metric, _ second: Metric) -> Bool {
    if first.group != second.group { return NaturalOrder.isBefore(first.group, second.group) }
    if first.direction != second.direction { return first.direction.rank < second.direction.rank }
    return NaturalOrder.isBefore(first.name, second.name)
  }

  // MARK: Intervals

  /// `intervals_95` has those of the numbers beside it by name, `interval_95` that of `value` or `mean`, and `x_interval_95` that of `x`.
  static func intervals(in result: JSONValue) -> [String: ClosedRange<Double>] {
    var found: [String: ClosedRange<Double>] = [:]
    collect(result, "", into: &found)
    return found
  }

  private static func collect(_ value: JSONValue, _ prefix: String, into found: inout [String: ClosedRange<Double>]) {
    guard case .object(let members) = value else { return }
    for member in members {
      if member.key == "intervals_95", case .object(let named) = member.value {
        for interval in named { found[prefix + interval.key] = range(interval.value) }
      } else if let range = range(member.value) {
        for name in subjects(member.key) { found[prefix + name] = range }
      } else {
        collect(member.value, "\(prefix)\(member.key).", into: &found)
      }
    }
  }

  /// The numbers that an interval of this name belongs to.
  private static func subjects(_ name: String) -> [String] {
    let ending = "_interval_95"
    if name == "interval_95" { return ["value", "mean"] }
    return name.hasSuffix(ending) ? [String(name.dropLast(ending.count))] : []
  }

  private static func range(_ value: JSONValue) -> ClosedRange<Double>? {
    guard case .array(let bounds) = value, bounds.count == 2, let low = bounds[0].double, let high = bounds[1].double, low <= high else {
      return nil
    }
    return low...high
  }
}

extension JSONValue {
  /// A finite number.
  var double: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number.isFinite ? number : nil
    default: nil
    }
  }
}
