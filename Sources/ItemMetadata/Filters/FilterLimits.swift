/// How large a filter may be.
public struct FilterLimits: Sendable {
  public var bytesMax: Int
  public var testsMax = 32
  /// The deepest nesting of parentheses.
  public var depthMax = 16
  /// The most values of one list.
  public var valuesMax = 256

  /// A filter in a URL.
  public static let query = FilterLimits(bytesMax: 2048)
  /// A filter in a body or a rule.
  public static let body = FilterLimits(bytesMax: 5000)

  public init(bytesMax: Int) { self.bytesMax = bytesMax }
}
