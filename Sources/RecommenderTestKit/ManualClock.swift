import Telemetry
import StreamingRecommender
import Synchronization

/// A clock that advances only when told to, or by a fixed step with each reading.
public final class ManualClock: EngineClock {
  private let elapsedNanoseconds = Mutex<UInt64>(0)
  private let startMilliseconds: Int64
  private let step: Mutex<Duration> = Mutex(.zero)

  public init(startMilliseconds: Int64 = 1_700_000_000_000) { self.startMilliseconds = startMilliseconds }

  /// The step by which each reading of the monotonic clock advances time, so that a wait for a deadline ends.
  public var stepPerReading: Duration {
    get { step.withLock { $0 } }
    set { step.withLock { $0 = newValue } }
  }

  public func sleep(for duration: Duration) { advance(by: duration) }

  public func advance(by step: Duration) { elapsedNanoseconds.withLock { $0 += step.nanoseconds } }

  /// Starts at one second, because some code uses zero for "never".
  public var monotonicNanoseconds: UInt64 {
    advance(by: stepPerReading)
    return elapsedNanoseconds.withLock { $0 } + 1_000_000_000
  }
  public var wallMilliseconds: Int64 { startMilliseconds + Int64(elapsedNanoseconds.withLock { $0 } / 1_000_000) }
}
