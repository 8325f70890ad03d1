/// Prometheus' text format 0.0.4.
public enum PrometheusText {
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  static func render(_ families: [any RegisteredFamily]) -> String {
    var page = ""
    for family in families {
      let all = family.all
      guard !all.isEmpty else { continue }
      let definition = family.definition
      page += "# HELP \(definition.name) \(escapedHelp(definition.help))\n# TYPE \(definition.name) \(definition.kind.rawValue)\n"
      for (values, series) in all.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        append(series, definition, values, to: &page)
      }
    }
    return page
  }

  private static func append(_ series: any RegistrableMetric, _ definition: MetricDefinition, _ values: [String], to page: inout String) {
    let labels = zip(definition.labels, values).map { "\($0)=\"\(escapedLabel($1))\"" }
    switch series {
    case let counter as Counter:
      page += sample(definition.name, labels, counter.exactValue.map { String($0) } ?? number(counter.value))
    case let gauge as Gauge:
      page += sample(definition.name, labels, number(gauge.value))
    case let histogram as Histogram:
      let counts = histogram.cumulativeCounts
      for (bound, count) in zip(histogram.bounds + [.infinity], counts) {
        page += sample(definition.name + "_bucket", labels + ["le=\"\(number(bound))\""], String(count))
      }
      page += sample(definition.name + "_sum", labels, number(histogram.sum))
      page += sample(definition.name + "_count", labels, String(counts[counts.count - 1]))
    default: preconditionFailure("\(definition.name) is of a kind that the format does not have")
    }
  }

  private static func sample(_ name: String, _ labels: [String], _ value: String) -> String {
    (labels.isEmpty ? name : name + "{" + labels.joined(separator: ",") + "}") + " " + value + "\n"
  }

  /// The shortest text that parses to the same number, in the notation of Prometheus.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func escapedHelp(_ text: String) -> String { escaped(text, quotes: false) }
  private static func escapedLabel(_ text: String) -> String { escaped(text, quotes: true) }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\"" where quotes: output += "\\\""
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
