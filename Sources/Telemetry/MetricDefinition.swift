/// What a metric is: its name, its sentence and its labels. The values live in a `MetricRegistry`.
public struct MetricDefinition: Sendable, Hashable {
  public enum Kind: String, Sendable { case counter, gauge, histogram }

  public let name: String
  public let kind: Kind
  public let help: String
  public let labels: [String]
  /// Upper bounds of the buckets, for histograms.
  public let bounds: [Double]

  private init(_ name: String, _ kind: Kind, _ help: String, _ labels: [String], _ bounds: [Double] = []) {
    precondition(Self.isName(name), "not a metric name: \(name)")
    precondition(labels.allSatisfy { Self.isName($0) && $0 != "le" && !$0.contains(":") }, "not label names: \(labels)")
    self.name = name
    self.kind = kind
    self.help = help
    self.labels = labels
    self.bounds = bounds
  }

  public static func counter(_ name: String, _ help: String, labels: [String] = []) -> MetricDefinition {
    MetricDefinition(name, .counter, help, labels)
  }

  public static func gauge(_ name: String, _ help: String, labels: [String] = []) -> MetricDefinition {
    MetricDefinition(name, .gauge, help, labels)
  }

  public static func histogram(
    _ name: String, _ help: String, labels: [String] = [], bounds: [Double] = Histogram.secondsBounds
  ) -> MetricDefinition {
    MetricDefinition(name, .histogram, help, labels, bounds)
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "_"), UInt8(ascii: ":"): true
      default: false
      }
    }
  }
}
