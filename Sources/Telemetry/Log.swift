/// A named way into a sink: `Log(component: "kafka", sink: sink).warning("the broker does not answer", ["broker": address])`.
///
/// Values of fields are strings, integers, doubles, booleans and optionals of them; `nil` is written as null.
public struct Log: Sendable {
  public typealias Fields = KeyValuePairs<String, any LogValueConvertible>

  public let component: String
  let sink: any LogSink
  public let level: LogLevel

  public init(component: String, sink: any LogSink, level: LogLevel = .info) {
    self.component = component
    self.sink = sink
    self.level = level
  }

  public func scoped(_ component: String) -> Log { Log(component: component, sink: sink, level: level) }

  public func error(_ message: @autoclosure () -> String, _ fields: Fields = [:], repetition: LogRepetition = .limited) {
    write(.error, message, fields, repetition)
  }
  public func warning(_ message: @autoclosure () -> String, _ fields: Fields = [:], repetition: LogRepetition = .limited) {
    write(.warning, message, fields, repetition)
  }
  public func info(_ message: @autoclosure () -> String, _ fields: Fields = [:], repetition: LogRepetition = .limited) {
    write(.info, message, fields, repetition)
  }
  public func debug(_ message: @autoclosure () -> String, _ fields: Fields = [:], repetition: LogRepetition = .limited) {
    write(.debug, message, fields, repetition)
  }

  /// For a level that is known only at run time.
  public func write(
    _ level: LogLevel, _ message: @autoclosure () -> String, _ fields: Fields = [:], repetition: LogRepetition = .limited
  ) {
    write(level, message, fields, repetition)
  }

  private func write(_ level: LogLevel, _ message: () -> String, _ fields: Fields, _ repetition: LogRepetition) {
    guard level <= self.level else { return }
    sink.write(
      level, component: component, message: message(), fields: fields.map { (key: $0.key, value: $0.value.logValue) },
      repetition: repetition)
  }

  /// Writes nothing; for tests and for library use.
  public static let disabled = Log(component: "", sink: NullSink(), level: .error)

  private struct NullSink: LogSink {
    func write(
      _ level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)], repetition: LogRepetition
    ) {}
  }
}
