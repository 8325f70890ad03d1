import RunRecords
import Telemetry

extension Comparison {
  /// What differs and what was measured, for a program.
  public var json: JSONValue {
    let names = runs.indices.map { JSONValue.string(Self.letter($0)) }
    let described = zip(names, runs).map { name, run -> JSONValue in
      [
        "name": name, "id": .string(run.id.text), "kind": .string(run.kind), "state": .string(run.state.rawValue),
        "seconds": .number(run.seconds), "cpu_seconds": run.processorSeconds.map { .number($0) } ?? .null,
        "peak_memory_bytes": run.peakMemoryBytes.map { .integer($0) } ?? .null, "version": .string(run.version),
      ]
    }
    return [
      "runs": .array(described), "data": .string(data.rawValue), "cautions": .array(cautions.map { .string($0) }),
      "settings": .object(
        settings.filter { !$0.isSame }.map { setting in
          .init(setting.name, .array(setting.values.map { $0.map { .string($0) } ?? .null }))
        }),
      "metrics": .object(metrics.map { .init($0.path, $0.json) }),
    ]
  }
}

extension Comparison.Metric {
  fileprivate var json: JSONValue {
    var object: JSONValue = ["values": .array(values.map(Self.number))]
    if intervals.contains(where: { $0 != nil }) {
      object["intervals_95"] = .array(intervals.map { $0.map { [.number($0.lowerBound), .number($0.upperBound)] } ?? .null })
    }
    if values.count > 1 {
      object["differences"] = .array(values.indices.map { Self.number(difference($0)) })
      object["shares"] = .array(values.indices.map { Self.number(share($0)) })
    }
    if direction != .unknown { object["better"] = .string(direction.rawValue) }
    object["best"] = best.map { .string(Comparison.letter($0)) }
    return object
  }

  private static func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
}
