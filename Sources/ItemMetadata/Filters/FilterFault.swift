/// Why a text is no filter.
public struct FilterFault: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: String, Sendable, CaseIterable {
    case syntax = "filter_syntax"
    /// A comparison that can never have a meaning, such as the order of texts.
    case type = "filter_type"
    case limit = "filter_limit"
  }

  public let code: Code
  /// Bytes of the filter before the fault. A text at fault begins after its quotation mark.
  public let position: Int
  /// One sentence that says what was expected.
  public let message: String

  init(_ code: Code, at position: Int, _ message: String) {
    self.code = code
    self.position = position
    self.message = message
  }

  public var description: String { "\(message) (position \(position))" }
}
