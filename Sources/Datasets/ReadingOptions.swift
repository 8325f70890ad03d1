import Timestamps

/// What a caller says about a file; what is not said is found in the file.
public struct ReadingOptions: Sendable {
  /// Without it the format follows from the name of the file or from its first line.
  public var format: InteractionFormat?
  public var delimiter: Delimiter?
  public var hasHeader: Bool?
  public var columns = ColumnSelection()
  public var timeFormat = TimestampFormat.automatic
  public var encoding: TextEncoding?
  /// Whether implausible columns are only reported.
  public var acceptsColumns = false
  /// Whether the values change what the caller does; if not, implausible values are only reported.
  public var usesValues = false
  /// The same for times.
  public var usesTimes = true
  /// Whether events of a type count; `nil` if all do.
  public var isKnownType: (@Sendable (String) -> Bool)?

  public init(format: InteractionFormat? = nil) { self.format = format }
}
