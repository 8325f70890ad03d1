/// How long the publisher waits for what; the defaults are for production, tests shorten them.
public struct PublisherTiming: Sendable, Equatable {
  /// Full jitter: each wait is random between zero and a bound that doubles from `backOffMin` to `backOffMax`.
  public var backOffMin = Duration.milliseconds(50)
  public var backOffMax = Duration.seconds(2)
  /// Between attempts while a person must change something.
  public var configurationRetry = Duration.seconds(5)
  /// How often the heartbeat key is checked and renewed, which is also how soon a FLUSHALL is noticed.
  public var heartbeat = Duration.seconds(1)
  public init() {}
}
