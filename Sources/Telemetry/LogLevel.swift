/// Severity of a log line, most severe first.
public enum LogLevel: Int, Comparable, CaseIterable, Sendable {
  case error, warning, info, debug
  public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

extension LogLevel {
  /// The word in log lines and in the configuration.
  public var name: String {
    switch self {
    case .error: "error"
    case .warning: "warning"
    case .info: "info"
    case .debug: "debug"
    }
  }

  public init?(name: String) {
    guard let level = LogLevel.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }
}
