/// How fast readers are told: live lists at once, with a backlog ten times a second, and the users of a roll-out in slices that take
/// no longer than the stream can wait. A value; the loop reports what happened.
struct PublishPacing: Sendable {
  struct Settings: Sendable, Equatable {
    /// Users of one batch of live lists.
    var batchMax: Int
    var linger: Duration
    /// Commands a second for full epochs; `nil`: no limit.
    var rateMax: Int?
    /// Each user is written once in this time; zero: never.
    var refresh: Duration
  }

  /// With a backlog, lists are made this often and not at every turn: what counts then is to catch up.
  static let behindEvery = Duration.milliseconds(100)
  /// What a slice of a roll-out may take of a turn.
  static let sliceTime = Duration.milliseconds(2)
  static let slices = 4...64

  let settings: Settings
  /// Users of the next slice of a roll-out.
  private(set) var slice = 16
  private var publishedAt: UInt64?
  private var credit = 0.0
  private var creditAt: UInt64?

  init(_ settings: Settings) { self.settings = settings }

  /// Whether this turn makes lists.
  ///
  /// - Parameters:
  ///   - isBehind: the poll returned as many records as it may.
  ///   - waitingSince: when the first of the waiting users changed, monotonic nanoseconds.
  mutating func isDue(now: UInt64, isBehind: Bool, hasInFlight: Bool, waiting: Int, waitingSince: UInt64) -> Bool {
    if isBehind, let publishedAt, now - publishedAt < Self.behindEvery.nanoseconds { return false }
    // Lists that are made while others are on their way grow old in the queue.
    if hasInFlight, waiting < settings.batchMax, now - min(now, waitingSince) < settings.linger.nanoseconds { return false }
    publishedAt = now
    return true
  }

  /// Commands of a full epoch that may be submitted now.
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

  /// A slice of `users` took `nanoseconds`: the next one is as large as `sliceTime` allows.
  mutating func noteSlice(users: Int, nanoseconds: UInt64) {
    guard users > 0 else { return }
    let perUser = max(1, Double(nanoseconds) / Double(users))
    let fitting = Int(Double(Self.sliceTime.nanoseconds) / perUser)
    // Up by at most a half, so that one lucky slice does not make the next one late.
    slice = min(max(fitting, Self.slices.lowerBound), min(slice + slice / 2, Self.slices.upperBound))
  }
}
