import StreamingRecommender

/// Decides when lists are published: live lists immediately, with a backlog ten times per second, and a roll-out in slices that are short
/// enough not to delay the stream. A value; the loop reports measurements to it.
struct PublishPacing: Sendable {
  struct Settings: Sendable, Equatable {
    /// The largest number of users in one batch of live lists.
    var batchMax: Int
    var linger: Duration
    /// Commands per second while a full epoch is published; `nil` is unlimited.
    var rateMax: Int?
    /// The period in which each user's list is written at least once; zero disables this.
    var refresh: Duration
  }

  /// With a backlog, the interval between lists: throughput then matters more than latency.
  static let behindEvery = Duration.milliseconds(100)
  /// The target duration of one roll-out slice.
  static let sliceTime = Duration.milliseconds(2)
  static let slices = 4...64

  let settings: Settings
  /// The number of users in the next roll-out slice.
  private(set) var slice = 16
  private var publishedAt: UInt64?
  private var credit = 0.0
  private var creditAt: UInt64?

  init(_ settings: Settings) { self.settings = settings }

  /// Returns whether lists are computed in this iteration.
  ///
  /// - Parameters:
  ///   - isBehind: whether the poll returned as many records as it may.
  ///   - waitingSince: when the first of the waiting users changed, in monotonic nanoseconds.
  mutating func isDue(now: UInt64, isBehind: Bool, hasInFlight: Bool, waiting: Int, waitingSince: UInt64) -> Bool {
    if isBehind, let publishedAt, now - publishedAt < Self.behindEvery.nanoseconds { return false }
    // Lists computed while others are unacknowledged would only become stale in the queue.
    if hasInFlight, waiting < settings.batchMax, now - min(now, waitingSince) < settings.linger.nanoseconds { return false }
    publishedAt = now
    return true
  }

  /// Returns the number of full-epoch commands that may be submitted now.
  mutating func allowance(now: UInt64) -> Int {
    guard let rate = settings.rateMax else { return .max }
    let elapsed = Double(now - (creditAt ?? now)) / 1e9
    creditAt = now
    credit = min(Double(rate), credit + elapsed * Double(rate))
    return max(0, Int(credit))
  }

  mutating func spend(_ commands: Int) {
    if settings.rateMax != nil { credit -= Double(commands) }
  }

  /// Reports that a slice of `users` took `nanoseconds`, and adapts the size of the next one to `sliceTime`.
  mutating func noteSlice(users: Int, nanoseconds: UInt64) {
    guard users > 0 else { return }
    let perUser = max(1, Double(nanoseconds) / Double(users))
    let fitting = Int(Double(Self.sliceTime.nanoseconds) / perUser)
    // Grow by at most a half, so that one fast slice does not make the next one too long.
    slice = min(max(fitting, Self.slices.lowerBound), min(slice + slice / 2, Self.slices.upperBound))
  }
}
