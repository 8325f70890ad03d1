/// What a metric is: its name, its help text and its labels. The values live in a `MetricRegistry`.
public struct MetricDefinition: Sendable, Hashable {
  public enum Kind: String, Sendable { case counter, gauge, histogram }

  /// Bounds of buckets in seconds: 0.5 ms to 8.192 s in powers of two, and 10 s.
  public static let secondsBounds: [Double] = (0..<15).map { 0.0005 * Double(1 << $0) } + [10]
  /// Bounds of buckets for sizes: 1 to 65,536 in powers of two.
  public static let sizeBounds: [Double] = (0...16).map { Double(1 << $0) }

  public let name: String
  public let kind: Kind
  public let help: String
  public let labels: [String]
  /// Values that are known in advance, by label. A metric whose labels all have some is shown with 0 from the start, so that an
  /// alert on its increase has a first value.
  public let known: [String: [String]]
  /// Upper bounds of the buckets, for histograms.
  public let bounds: [Double]

  private init(
    _ name: String, _ kind: Kind, _ help: String, _ labels: [String], _ known: [String: [String]], _ bounds: [Double] = []
  ) {
    precondition(Self.isName(name), "not a metric name: \(name)")
    precondition(Set(known.keys).isSubset(of: labels), "values for other labels than \(labels): \(known)")
    precondition(labels.allSatisfy { Self.isName($0) && $0 != "le" && !$0.contains(":") }, "not label names: \(labels)")
    self.name = name
    self.kind = kind
    self.help = help
    self.labels = labels
    self.known = known
    self.bounds = bounds
  }

  public static func counter(
    _ name: String, _ help: String, labels: [String] = [], known: [String: [String]] = [:]
  ) -> MetricDefinition {
    MetricDefinition(name, .counter, help, labels, known)
  }

  public static func gauge(_ name: String, _ help: String, labels: [String] = []) -> MetricDefinition {
    MetricDefinition(name, .gauge, help, labels, [:])
  }

  public static func histogram(
    _ name: String, _ help: String, labels: [String] = [], known: [String: [String]] = [:], bounds: [Double] = secondsBounds
  ) -> MetricDefinition {
    MetricDefinition(name, .histogram, help, labels, known, bounds)
  }

  /// All combinations of the values that are known in advance; none where a label has no known values.
  var knownLabelSets: [[String]] {
    labels.reduce([[]]) { sets, label in sets.flatMap { set in (known[label] ?? []).map { set + [$0] } } }
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
