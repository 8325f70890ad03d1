/// Where log lines go. Implementations must be callable from any thread and must not block for long.
public protocol LogSink: Sendable {
  func write(
    _ level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)], repetition: LogRepetition)
}
