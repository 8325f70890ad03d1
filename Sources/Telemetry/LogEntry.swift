/// One log line before it is formatted.
public struct LogEntry: Sendable {
  /// Milliseconds since 1970.
  public var timeMilliseconds: Int64
  public var level: LogLevel
  public var component: String
  public var message: String
  public var fields: [(key: String, value: LogValue)]
  /// How many similar lines were held back since the last one that was written.
  public var repeated: Int

  public init(
    timeMilliseconds: Int64, level: LogLevel, component: String, message: String, fields: [(key: String, value: LogValue)] = [],
    repeated: Int = 0
  ) {
    self.timeMilliseconds = timeMilliseconds
    self.level = level
    self.component = component
    self.message = message
    self.fields = fields
    self.repeated = repeated
  }
}
