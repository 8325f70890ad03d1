import Foundation
import Testing

@testable import Gateway

@Suite struct MetricReferenceTests {
  @Test func theDocumentNamesEveryMetricOfAGateway() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs/gateway.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    for metric in GatewayMetrics.definitions {
      #expect(text.contains("| `\(metric.name)` | \(metric.kind.rawValue) |"), "docs/gateway.md lacks \(metric.name)")
    }
  }
}
