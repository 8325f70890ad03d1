/// An invalid configuration, with all of its problems.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// The key with the problem; `nil` if the problem is a file or an unknown variable.
    public let key: String?
    public let message: String
    public var description: String { message }

    public init(key: String?, message: String) {
      self.key = key
      self.message = message
    }
  }

  public let problems: [Problem]

  public init(problems: [Problem]) {
    self.problems = problems
  }

  public var description: String {
    guard problems.count > 1 else { return problems.first?.message ?? "the configuration is invalid" }
    return "\(problems.count) problems in the configuration:\n" + problems.map { "  \($0.message)" }.joined(separator: "\n")
  }
}
