/// One second of the engine's life, for the charts.
public struct ConsoleSample: Sendable, Equatable {
  public var atMilliseconds: Int64
  public var lagRecords: Int?
  public var lagSeconds: Double?
  public var halfMilliseconds: Double?
  public var mostMilliseconds: Double?
  /// Records read in this second.
  public var events: Double
  public var residentBytes: Int?
  public var redisBytes: Int?

  public init(atMilliseconds: Int64, events: Double = 0) {
    self.atMilliseconds = atMilliseconds
    self.events = events
  }
}
