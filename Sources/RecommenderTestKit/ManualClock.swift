import StreamingRecommender
import Synchronization

/// Time that stands still until somebody moves it.
public final class ManualClock: EngineClock {
  private let elapsedNanoseconds = Mutex<UInt64>(0)
  private let startMilliseconds: Int64

  public init(startMilliseconds: Int64 = 1_700_000_000_000) { self.startMilliseconds = startMilliseconds }

  public func advance(by step: Duration) { elapsedNanoseconds.withLock { $0 += step.nanoseconds } }

  /// Begins at one second: zero means "never" to some of those who ask.
  public var monotonicNanoseconds: UInt64 { elapsedNanoseconds.withLock { $0 } + 1_000_000_000 }
  public var wallMilliseconds: Int64 { startMilliseconds + Int64(elapsedNanoseconds.withLock { $0 } / 1_000_000) }
}
