import Dispatch
import Foundation
import Testing

@testable import Telemetry

@Suite struct MetricTests {
  @Test func countersAddUpOverThreads() {
    let counter = Counter()
    let gauge = Gauge()
    let histogram = Histogram(bounds: [1, 2])
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<1000 {
        counter.add()
        counter.add(seconds: 0.5)
        gauge.add(1)
        histogram.observe(1.5)
      }
    }
    #expect(counter.value == 12_000)
    #expect(gauge.value == 8000)
    #expect(histogram.count == 8000)
    #expect(histogram.sum == 12_000)
  }

  @Test func foreignTotalsNeverMakeACounterFall() {
    let counter = Counter()
    counter.raise(to: 5)
    counter.raise(to: 3)
    #expect(counter.value == 5)
  }

  @Test func histogramBoundsAreIncludedInTheirBucket() {
    let histogram = Histogram(bounds: [1, 2, 4])
    for value in [0, 1, 1.5, 2, 4, 4.1, .infinity, -1] { histogram.observe(value) }
    histogram.observe(.nan)
    #expect(histogram.cumulativeCounts == [3, 5, 6, 8])
    #expect(histogram.count == 8)
  }

  @Test func secondsBoundsArePowersOfTwoUpToTenSeconds() {
    let bounds = MetricDefinition.secondsBounds
    #expect(bounds.first == 0.0005)
    #expect(bounds.suffix(2) == [8.192, 10])
    #expect(zip(bounds, bounds.dropFirst().dropLast()).allSatisfy { $1 == 2 * $0 })
    #expect(bounds.map(PrometheusText.number).joined(separator: " ").hasPrefix("0.0005 0.001 0.002 0.004 0.008 0.016"))
  }

  @Test func sameLabelsGiveTheSameHandle() {
    let registry = MetricRegistry()
    let definition = MetricDefinition.counter("freshet_x_total", "X.", labels: ["a"])
    #expect(registry.counter(definition, labels: ["1"]) === registry.counter(definition, labels: ["1"]))
    #expect(registry.counter(definition, labels: ["1"]) !== registry.counter(definition, labels: ["2"]))
  }

  @Test func labelsFromOutsideCannotFillTheMemory() {
    let registry = MetricRegistry()
    let definition = MetricDefinition.counter("freshet_x_total", "X.", labels: ["a"])
    for index in 0..<(MetricSeries.perFamilyMax + 50) { registry.counter(definition, labels: ["\(index)"]).add() }
    let page = registry.render()
    #expect(page.contains("freshet_x_total{a=\"other\"} 50\n"))
    #expect(page.split(separator: "\n").count == MetricSeries.perFamilyMax + 1 + 2)
  }

  @Test func removedSeriesLeaveThePage() {
    let metrics = EngineMetrics()
    metrics.consumerLagRecords.set(4, labels: ["events", "0"])
    #expect(metrics.registry.render().contains(#"freshet_consumer_lag_records{topic="events",partition="0"} 4"#))
    metrics.consumerLagRecords.remove(labels: ["events", "0"])
    #expect(!metrics.registry.render().contains("freshet_consumer_lag_records"))
  }

  @Test func pageIsCompleteByteForByte() {
    let registry = MetricRegistry()
    let applied = MetricDefinition.counter("freshet_applied_total", "Lines\nand \\ and \"quotes\".", labels: ["topic", "kind"])
    registry.counter(applied, labels: ["b", "x\"y\\z\n"]).add(9_007_199_254_740_993)
    registry.counter(applied, labels: ["a", "é"]).add(2)
    registry.gauge(.gauge("freshet_ratio", "A gauge.")).set(-0.25)
    registry.gauge(.gauge("freshet_big", "A gauge.")).set(Double.infinity)
    let seconds = MetricDefinition.histogram("freshet_wait_seconds", "A histogram.", labels: ["stage"], bounds: [0.0005, 1, 10])
    let wait = registry.histogram(seconds, labels: ["decode"])
    for value in [0.25, 0.25, 4, 20] { wait.observe(value) }
    registry.counter(.counter("freshet_paused_seconds_total", "Seconds.")).add(seconds: 1.5)
    #expect(
      registry.render() == """
        # HELP freshet_applied_total Lines\\nand \\\\ and "quotes".
        # TYPE freshet_applied_total counter
        freshet_applied_total{topic="a",kind="é"} 2
        freshet_applied_total{topic="b",kind="x\\"y\\\\z\\n"} 9007199254740993
        # HELP freshet_big A gauge.
        # TYPE freshet_big gauge
        freshet_big +Inf
        # HELP freshet_paused_seconds_total Seconds.
        # TYPE freshet_paused_seconds_total counter
        freshet_paused_seconds_total 1.5
        # HELP freshet_ratio A gauge.
        # TYPE freshet_ratio gauge
        freshet_ratio -0.25
        # HELP freshet_wait_seconds A histogram.
        # TYPE freshet_wait_seconds histogram
        freshet_wait_seconds_bucket{stage="decode",le="0.0005"} 0
        freshet_wait_seconds_bucket{stage="decode",le="1"} 2
        freshet_wait_seconds_bucket{stage="decode",le="10"} 3
        freshet_wait_seconds_bucket{stage="decode",le="+Inf"} 4
        freshet_wait_seconds_sum{stage="decode"} 24.5
        freshet_wait_seconds_count{stage="decode"} 4

        """)
  }
}

@Suite struct MetricNamesTests {
  @Test func namesAreUnique() {
    #expect(Set(MetricNames.all.map(\.name)).count == MetricNames.all.count)
  }

  @Test(arguments: MetricNames.all) func nameFollowsTheConventions(metric: MetricDefinition) {
    #expect(metric.name.hasPrefix("freshet_") || metric.name.hasPrefix("process_"))
    #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
    #expect(metric.help.wholeMatch(of: /[A-Z1].{10,}[a-zA-Z0-9)]\./) != nil, "one sentence: \(metric.help)")
    // What a reader of the page must know to choose a series.
    for label in metric.known.keys {
      for value in metric.known[label] ?? [] where metric.name != "freshet_nonfinite_vectors_total" {
        #expect(metric.help.contains(value) || metric.name == "freshet_events_clamped_total", "\(metric.name): \(value)")
      }
    }
    #expect(Set(metric.labels).isDisjoint(with: ["user", "item"]))
  }

  /// Alerts and schemas speak of metrics; a name that is not in the table never has a value.
  @Test(arguments: ["docs/operations.md", "docs/architecture.md", "schemas/README.md", "schemas/redis-keys.md", "README.md"])
  func everyMetricNamedInTheDocumentsExists(file: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
    let known = Set(MetricNames.all.map(\.name))
    let histograms = Set(MetricNames.all.filter { $0.kind == .histogram }.map(\.name))
    var names = Set(text.matches(of: /\bfreshet_[a-z0-9_]+/).map { String($0.output) })
    names.remove("freshet_freshet")  // The directory of resources.
    if file == "docs/operations.md" { #expect(names.count > 10) }
    for name in names.subtracting(known) {
      let base = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) }
      #expect(base.map(histograms.contains) == true, "\(name) in \(file)")
    }
  }

  @Test func metricsWhoseLabelsAreKnownAreThereFromTheStart() {
    let page = EngineMetrics().registry.render()
    for line in [
      #"freshet_retrain_total{result="rejected"} 0"#, #"freshet_snapshot_total{result="failed"} 0"#,
      #"freshet_backpressure_seconds_total{cause="memory"} 0"#, #"freshet_nonfinite_vectors_total{where="fold_in"} 0"#,
      #"freshet_stage_duration_seconds_count{stage="decode"} 0"#, #"freshet_stage_duration_seconds_count{stage="score"} 0"#,
      #"freshet_stage_duration_seconds_count{stage="fold_in"} 0"#, #"freshet_stage_duration_seconds_count{stage="publish"} 0"#,
      #"freshet_events_clamped_total{field="timestamp"} 0"#,
    ] { #expect(page.contains("\n\(line)\n"), "\(line)") }
  }

  @Test func aStageIsObservedUnderItsName() {
    let metrics = EngineMetrics()
    metrics.stage(.foldIn).observe(0.25)
    #expect(metrics.registry.render().contains(#"freshet_stage_duration_seconds_sum{stage="fold_in"} 0.25"#))
  }

  @Test func engineMetricsShowEveryMetricOfTheTable() {
    let metrics = EngineMetrics()
    ProcessMetrics.install(in: metrics.registry)
    metrics.setBuildInfo(version: "1", swift: "6", librdkafka: "2", hiredis: "1")
    let page = metrics.registry.render()
    for definition in MetricNames.all where !definition.knownLabelSets.isEmpty || definition == MetricNames.buildInfo {
      #expect(page.contains("# TYPE \(definition.name) \(definition.kind.rawValue)\n"), "\(definition.name)")
    }
    // Every freshet_ row has its handle, build_info aside.
    let handles = Mirror(reflecting: metrics).children.compactMap { child in
      (child.value as? any RegisteredFamily)?.definition ?? (child.value as? any RegistrableMetric)?.definition
    }
    #expect(Set(handles) == Set(MetricNames.all.filter { $0.name.hasPrefix("freshet_") && $0 != MetricNames.buildInfo }))
  }
}

@Suite struct ProcessMetricsTests {
  @Test func programNamesWithBlanksAndBracketsDoNotShiftTheFields() throws {
    let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 98765 1000000 200"
    let ticks = try #require(ProcessMetrics.ticks(stat: stat))
    #expect(ticks.processor == 300)
    #expect(ticks.startAfterBoot == 98765)
  }

  @Test func shortOrForeignTextGivesNothing() {
    #expect(ProcessMetrics.ticks(stat: "42 (a) S 1") == nil)
    #expect(ProcessMetrics.ticks(stat: "") == nil)
    #expect(ProcessMetrics.residentPages(statm: "7") == nil)
    #expect(ProcessMetrics.bootTimeSeconds(stat: "cpu 1 2\n") == nil)
  }

  @Test func residentPagesAndBootTimeAreFound() {
    #expect(ProcessMetrics.residentPages(statm: "5000 1234 300 1 0 900 0\n") == 1234)
    #expect(ProcessMetrics.bootTimeSeconds(stat: "cpu 1 2\nctxt 5\nbtime 1700000000\nprocesses 9\n") == 1_700_000_000)
  }

  #if os(Linux)
    @Test func thisProcessHasPlausibleValues() throws {
      #expect(try #require(ProcessMetrics.residentMemoryBytes()) > 1 << 20)
      #expect(try #require(ProcessMetrics.processorSeconds()) >= 0)
      #expect(try #require(ProcessMetrics.openFileDescriptors()) >= 3)
      let start = try #require(ProcessMetrics.startTimeSeconds())
      #expect(abs(start - Double(WallClock.milliseconds()) / 1000) < 3600)
    }
  #endif
}

@Suite struct MetricDocumentTests {
  @Test func theCommittedReferenceIsTheTable() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/metrics.md").standardized
    let isCurrent = try String(contentsOf: file, encoding: .utf8) == MetricDocument.markdown()
    #expect(isCurrent, "docs/metrics.md is stale: run \(MetricDocument.command)")
  }

  /// What an operator watches must exist.
  @Test func operationsNamesNoMetricThatDoesNotExist() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/operations.md").standardized
    let names = try String(contentsOf: file, encoding: .utf8).matches(of: /freshet_(?!freshet)[a-z_]+/).map { String($0.output) }
    let known = MetricDocument.markdown()
    #expect(names.count > 15)
    for name in names {
      let base = name.replacing(/_(bucket|sum|count)$/, with: "")
      #expect(known.contains("`\(name)`") || known.contains("`\(base)`"), "\(name)")
    }
  }
}
