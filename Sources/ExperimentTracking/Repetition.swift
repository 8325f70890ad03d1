import Telemetry

/// An error that may go away by itself.
protocol TransientError: Error {
  var isTransient: Bool { get }
  /// What the server asks to wait.
  var retryAfter: Duration? { get }
}

extension TrackingError: TransientError {}

/// Does something again while that may help, until a deadline.
struct Repetition {
  var policy = RepetitionPolicy()
  /// On the monotonic clock.
  let deadlineNanoseconds: UInt64
  var now: () -> UInt64 = { MonotonicClock.nanoseconds() }
  var sleep: (Duration) -> Void = { MonotonicClock.sleep(for: $0) }
  var chance: () -> Double = { Double.random(in: 0...1) }

  init(within limit: Duration) {
    deadlineNanoseconds = MonotonicClock.nanoseconds() + limit.nanoseconds
  }

  var timeLeft: Duration {
    let now = now()
    return now < deadlineNanoseconds ? .nanoseconds(Int64(deadlineNanoseconds - now)) : .zero
  }

  /// - Parameter attempt: gets the number of the attempt, from 1.
  func perform<Value, Failure: TransientError>(_ attempt: (Int) throws(Failure) -> Value) throws(Failure) -> Value {
    var number = 1
    while true {
      do throws(Failure) { return try attempt(number) } catch {
        let pause = error.isTransient ? policy.pause(after: number, chance: chance(), wanted: error.retryAfter, timeLeft: timeLeft) : nil
        guard let pause else { throw error }
        sleep(pause)
        number += 1
      }
    }
  }
}

/// When something is done again: after a time that doubles, shortened by chance, so that many clients do not come back together.
struct RepetitionPolicy: Sendable, Equatable {
  /// The first one included.
  var attemptsMax = 4
  var firstDelay = Duration.milliseconds(200)
  var delayMax = Duration.seconds(5)

  /// Returns the pause after a failed attempt, or `nil` if that was the last one.
  ///
  /// - Parameters:
  ///   - attempt: from 1.
  ///   - chance: from 0 to 1; the pause has at least half of its full length.
  ///   - wanted: what the server asked for; followed as far as the time that is left allows.
  func pause(after attempt: Int, chance: Double, wanted: Duration?, timeLeft: Duration) -> Duration? {
    guard attempt < attemptsMax else { return nil }
    let full = min(firstDelay * (1 << min(attempt - 1, 20)), delayMax)
    let pause = max(full * (0.5 + 0.5 * min(max(chance, 0), 1)), wanted ?? .zero)
    return pause < timeLeft ? pause : nil
  }
}
