import RunRecords
import Telemetry

extension Comparison {
  /// Numbers in a row, such as the loss after each iteration, of the runs that have them.
  public struct Series: Sendable, Equatable {
    /// `loss`, or `trials[].value` for a member of each object in a list.
    public let path: String
    /// Empty for a run without it; `nil` where a number is missing.
    public let values: [[Double?]]
    public let direction: MetricDirection
  }

  static func series(of runs: [RunRecord]) -> [Series] {
    let found = runs.map { run in
      var lists: [String: [Double?]] = [:]
      collect(run.result, "", into: &lists)
      return lists
    }
    let objective = Self.objective(of: runs)
    let series = Set(found.flatMap(\.keys)).map { path in
      let name = path.replacingBracketsByNothing
      return Series(path: path, values: found.map { $0[path] ?? [] }, direction: MetricDirection(path: name, objective: objective))
    }
    return series.sorted { first, second in
      if first.direction != second.direction { return first.direction.rank < second.direction.rank }
      return NaturalOrder.isBefore(first.path, second.path)
    }
  }

  private static func collect(_ value: JSONValue, _ path: String, into lists: inout [String: [Double?]]) {
    switch value {
    case .object(let members):
      for member in members where !isSkipped(member.key) {
        collect(member.value, path.isEmpty ? member.key : "\(path).\(member.key)", into: &lists)
      }
    case .array(let elements):
      add(elements.map(\.double), path, from: elements, into: &lists)
      for name in members(of: elements) {
        let named = elements.map { $0[name] ?? .null }
        add(named.map(\.double), "\(path)[].\(name)", from: named, into: &lists)
      }
    default: break
    }
  }

  /// Settings are no results, and an interval is no series.
  private static func isSkipped(_ name: String) -> Bool {
    ["settings", "fixed_settings", "intervals_95", "interval_95"].contains(name) || name.hasSuffix("_interval_95")
  }

  /// Adds a list with at least two numbers, and with nothing else but gaps.
  private static func add(_ numbers: [Double?], _ path: String, from elements: [JSONValue], into lists: inout [String: [Double?]]) {
    let isNumeric = zip(numbers, elements).allSatisfy { number, element in
      if case .number = element { return true }
      return number != nil || element == .null
    }
    if isNumeric, numbers.count(where: { $0 != nil }) > 1 { lists[path] = numbers }
  }

  /// The names of the members of the objects in a list.
  private static func members(of elements: [JSONValue]) -> Set<String> {
    elements.reduce(into: []) { names, element in
      guard case .object(let members) = element else { return }
      names.formUnion(members.map(\.key).filter { !isSkipped($0) })
    }
  }
}

extension String {
  fileprivate var replacingBracketsByNothing: String { split(separator: "[]").joined() }
}
