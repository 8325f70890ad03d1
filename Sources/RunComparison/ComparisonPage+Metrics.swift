import RunRecords

extension ComparisonPage {
  var metricsSection: HTML {
    guard !comparison.metrics.isEmpty else { return "" }
    return """
      <section><h2>Figures</h2>
      \(highlights)\(note)\(tables)</section>

      """
  }

  private var note: HTML {
    guard runs.count > 1 else { return "" }
    let hasIntervals = comparison.metrics.contains { $0.intervals.contains { $0 != nil } }
    let chance: HTML = hasIntervals ? " Where the 95 % intervals of two runs overlap, their difference may be chance." : ""
    return """
      <p class="note">Differences are to run A. <b class="best">best</b> marks the best value, where the name says which is better.\(chance)</p>

      """
  }

  // MARK: Tables

  /// So many figures are shown in one table; of more, those of parts of the result are folded.
  private static let unfoldedMax = 40

  private var tables: [HTML] {
    var groups: [(name: String, metrics: [Comparison.Metric])] = []
    for metric in comparison.metrics {
      if groups.last?.name == metric.group {
        groups[groups.count - 1].metrics.append(metric)
      } else {
        groups.append((metric.group, [metric]))
      }
    }
    if groups.count == 1 || comparison.metrics.count <= Self.unfoldedMax {
      return [table("figures", first: "figure", comparison.metrics.map { row($0, named: $0.path) })]
    }
    return groups.map { group in
      let content = table("figures \(group.name)", first: "figure", group.metrics.map { row($0, named: $0.name) })
      // Those of the run as a whole.
      if group.name.isEmpty { return content }
      return "<details><summary>\(group.name) <span>(\(group.metrics.count))</span></summary>\n\(content)</details>\n"
    }
  }

  private func row(_ metric: Comparison.Metric, named name: String) -> HTML {
    let format = NumberFormat(metric.values.compactMap(\.self))
    let cells = metric.values.indices.map { cell(metric, $0, format) }
    return row(name, cells, isNumeric: runs.count > 1)
  }

  private func cell(_ metric: Comparison.Metric, _ index: Int, _ format: NumberFormat) -> HTML? {
    guard let value = metric.values[index] else { return nil }
    let best: HTML = metric.best == index ? "<b class=\"best\">best</b> " : ""
    let interval: HTML =
      metric.intervals[index].map { "<small>[\(format.text($0.lowerBound)), \(format.text($0.upperBound))]</small>" } ?? ""
    return "\(best)\(format.text(value))\(interval)\(difference(metric, index, format))"
  }

  private func difference(_ metric: Comparison.Metric, _ index: Int, _ format: NumberFormat) -> HTML {
    guard let difference = metric.difference(index) else { return "" }
    if difference == 0 { return "<small class=\"none\">as A</small>" }
    let share: HTML = metric.share(index).map { " (\(NumberFormat.percent($0)))" } ?? ""
    let verdict: HTML
    switch metric.direction {
    case .unknown: verdict = "plain"
    case .higher: verdict = difference > 0 ? "better" : "worse"
    case .lower: verdict = difference < 0 ? "better" : "worse"
    }
    return "<small class=\"\(verdict)\">\(format.signed(difference))\(share)</small>"
  }

  // MARK: Charts

  private var highlights: HTML {
    let charts = comparison.highlights.map(chart).filter { $0.bars.count > 1 }
    return charts.isEmpty ? "" : "<div class=\"charts\">\(charts.map(\.html))</div>\n"
  }

  private func chart(_ metric: Comparison.Metric) -> BarChart {
    let direction =
      switch metric.direction {
      case .higher: "higher is better"
      case .lower: "lower is better"
      case .unknown: ""
      }
    let bars = metric.values.enumerated().compactMap { index, value in
      value.map { BarChart.Bar(name: Comparison.letter(index), run: index, value: $0, interval: metric.intervals[index]) }
    }
    let all = runs.count == 1 ? bars + baselines(metric) : bars
    let format = NumberFormat(all.map(\.value))
    let note = [direction, all.contains { $0.interval != nil } ? "with 95 % intervals" : ""].filter { !$0.isEmpty }
    return BarChart(title: metric.path, note: note.joined(separator: ", "), bars: all, text: format.text)
  }

  /// Of a single run, what its result has beside it under the same name.
  private func baselines(_ metric: Comparison.Metric) -> [BarChart.Bar] {
    comparison.metrics.filter { $0.name == metric.name && $0.group.hasPrefix("beside.") }.compactMap { other in
      other.values[0].map { .init(name: String(other.group.dropFirst("beside.".count)), run: 9, value: $0, interval: other.intervals[0]) }
    }
  }

  static let seriesMax = 8

  var seriesSection: HTML {
    let all = comparison.series
    guard !all.isEmpty else { return "" }
    let charts = all.prefix(Self.seriesMax).map { series in
      LineChart(
        title: series.path, note: "over the number of the step",
        lines: series.values.enumerated().filter { !$1.isEmpty }.map { .init(run: $0, values: $1) })
    }
    let left = all.dropFirst(Self.seriesMax).map(\.path).joined(separator: ", ")
    let rest: HTML = left.isEmpty ? "" : "<p class=\"note\">Not drawn: \(left).</p>\n"
    return """
      <section><h2>Series</h2>
      <div class="charts">\(charts.map(\.html))</div>
      \(rest)</section>

      """
  }
}
