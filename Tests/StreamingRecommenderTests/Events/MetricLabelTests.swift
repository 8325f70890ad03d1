import Foundation
import Telemetry
import Testing

@testable import StreamingRecommender

@Suite struct MetricLabelTests {
  /// An alert on an increase needs a first value: a counter that appears with its first failure has not increased.
  @Test func everyCounterThatAnAlertUsesIsThereBeforeTheFirstRecord() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
    let guide = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let counters = Set(guide.matches(of: /\bfreshet_[a-z0-9_]+_total\b/).map { String($0.output) })
    #expect(counters.contains("freshet_events_rejected_total"))
    let metrics = EngineMetrics()
    metrics.showFromStart(topics: ["events"])
    let page = metrics.registry.render()
    for counter in counters { #expect(page.contains("# TYPE \(counter) counter\n"), "\(counter)") }
  }

  @Test func everyReasonIsShownForEveryTopic() {
    let metrics = EngineMetrics()
    metrics.showFromStart(topics: ["a", "b"])
    let page = metrics.registry.render()
    for topic in ["a", "b"] {
      for reason in RejectionReason.allCases {
        #expect(page.contains("freshet_events_rejected_total{topic=\"\(topic)\",reason=\"\(reason.rawValue)\"} 0\n"))
      }
      for reason in IgnoreReason.allCases {
        #expect(page.contains("freshet_events_ignored_total{topic=\"\(topic)\",reason=\"\(reason.rawValue)\"} 0\n"))
      }
      #expect(page.contains("freshet_dlq_failures_total{topic=\"\(topic)\"} 0\n"))
    }
  }
}
