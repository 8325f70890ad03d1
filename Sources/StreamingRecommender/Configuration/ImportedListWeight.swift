/// The name of imported lists, and how many places of an answer they get: `NAME` or `NAME=WEIGHT`.
public struct ImportedListWeight: Sendable, Equatable {
  public static let weights = 0.01...100.0
  static let namesMax = 8
  private static let nameBytesMax = 64

  public var name: String
  /// The engine's own list has the weight 1.
  public var weight: Double

  public init(name: String, weight: Double = 1) {
    self.name = name
    self.weight = weight
  }

  /// `nil` if the text is none of these.
  public init?(_ text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard Self.isName(parts[0]) else { return nil }
    self.init(name: parts[0])
    guard parts.count > 1 else { return }
    guard let weight = Double(parts[1]), Self.weights.contains(weight) else { return nil }
    self.weight = weight
  }

  /// Whether lists may have this name: it stands in keys, answers and labels of metrics.
  public static func isName(_ name: String) -> Bool {
    guard 1...nameBytesMax ~= name.utf8.count else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
      default: false
      }
    }
  }

  public static let nameRule = "1 to \(nameBytesMax) letters of ASCII, digits, or any of - _ ."
}
