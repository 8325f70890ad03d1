/// Severity of a log line, most severe first.
public enum LogLevel: Int, Comparable, CaseIterable, Sendable {
  case error, warning, info, debug
  public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Where log lines go. Implementations must be callable from any thread and must not block for long.
public protocol LogSink: Sendable {
  func write(_ level: LogLevel, component: String, message: String, fields: [(key: String, value: String)])
}

/// A named way into a sink: `Log(component: "kafka", sink: sink).warning("broker is away", ["broker": address])`.
public struct Log: Sendable {
  public let component: String
  let sink: any LogSink
  public let level: LogLevel

  public init(component: String, sink: any LogSink, level: LogLevel = .info) {
    self.component = component
    self.sink = sink
    self.level = level
  }

  public func scoped(_ component: String) -> Log { Log(component: component, sink: sink, level: level) }

  public func error(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
    write(.error, message, fields)
  }
  public func warning(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
    write(.warning, message, fields)
  }
  public func info(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
    write(.info, message, fields)
  }
  public func debug(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
    write(.debug, message, fields)
  }

  private func write(_ level: LogLevel, _ message: () -> String, _ fields: KeyValuePairs<String, String>) {
    guard level <= self.level else { return }
    sink.write(level, component: component, message: message(), fields: fields.map { (key: $0.key, value: $0.value) })
  }

  /// Writes nothing; for tests and for library use.
  public static let disabled = Log(component: "", sink: NullSink(), level: .error)

  private struct NullSink: LogSink {
    func write(_ level: LogLevel, component: String, message: String, fields: [(key: String, value: String)]) {}
  }
}
