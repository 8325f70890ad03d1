/// The publisher's delays and intervals; the defaults are for production, tests shorten them.
public struct PublisherTiming: Sendable, Equatable {
  /// Full jitter: each wait is random between zero and a bound that doubles from `backOffMin` to `backOffMax`.
  public var backOffMin = Duration.milliseconds(50)
  public var backOffMax = Duration.seconds(2)
  /// The interval between attempts while an operator must change something.
  public var configurationRetry = Duration.seconds(5)
  /// The interval at which the heartbeat key is checked and renewed; a FLUSHALL is noticed within this time.
  public var heartbeat = Duration.seconds(1)
  public init() {}
}
