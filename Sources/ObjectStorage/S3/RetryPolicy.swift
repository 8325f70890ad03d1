/// When a request is sent again: after a time that doubles, shortened by chance, so that many clients do not come back together.
public struct RetryPolicy: Sendable, Equatable {
  /// The first one included.
  public var attemptsMax = 6
  public var firstDelay = Duration.milliseconds(100)
  public var delayMax = Duration.seconds(10)

  public init() {}

  /// Returns the pause after a failed attempt, or `nil` if that was the last one.
  ///
  /// - Parameters:
  ///   - attempt: from 1.
  ///   - chance: from 0 to 1; the pause has at least half of its full length.
  ///   - wanted: what the server asked for.
  public func pause(after attempt: Int, chance: Double, wanted: Duration? = nil) -> Duration? {
    guard attempt < attemptsMax else { return nil }
    let full = min(firstDelay * (1 << min(attempt - 1, 20)), delayMax)
    let pause = full * (0.5 + 0.5 * min(max(chance, 0), 1))
    return max(pause, min(wanted ?? .zero, delayMax))
  }
}
