/// The reference of all metrics, generated from their definitions.
public enum MetricDocument {
  /// The command that rewrites the committed copy.
  public static let command = "freshet help --metrics > docs/metrics.md"

  public static func markdown() -> String {
    let metrics = EngineMetrics()
    ProcessMetrics.install(in: metrics.registry)
    metrics.setBuildInfo(version: "", swift: "", librdkafka: "", hiredis: "")
    // Some definitions are registered when their values are first read.
    _ = metrics.registry.render()
    return head + metrics.registry.definitions.map(row).joined()
  }

  private static let head = """
    # Metrics

    <!-- Written by `freshet help --metrics`; do not edit. -->

    `GET /metrics` of `admin.listen` or `probes.listen` shows these in Prometheus' text format. Units are seconds and bytes. A label never \
    holds a user or an item. Where all values of a metric's labels are known in advance, its series exist from the start with the value 0, \
    so that an alert sees the first increase. Which ones to watch: [operations.md](operations.md#monitoring).

    | metric | type | labels | meaning |
    |---|---|---|---|

    """

  private static func row(_ definition: MetricDefinition) -> String {
    let labels = definition.labels.map { label in
      let known = definition.known[label].map { ": " + $0.joined(separator: ", ") } ?? ""
      return "`\(label)`\(known)"
    }
    let meaning = definition.help.replacing("|", with: "\\|")
    return "| `\(definition.name)` | \(definition.kind.rawValue) | \(labels.joined(separator: "; ")) | \(meaning) |\n"
  }
}
