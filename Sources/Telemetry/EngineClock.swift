/// The clocks of the engine: the system's in production, manual ones in tests.
public protocol EngineClock: Sendable {
  /// A monotonic clock in nanoseconds, for measuring intervals.
  var monotonicNanoseconds: UInt64 { get }
  /// The wall clock in milliseconds since 1970, for timestamps in published data.
  var wallMilliseconds: Int64 { get }
  /// Blocks for `duration`; a manual clock advances and returns immediately.
  func sleep(for duration: Duration)
}

public struct SystemClock: EngineClock {
  public init() {}
  public var monotonicNanoseconds: UInt64 { MonotonicClock.nanoseconds() }
  public var wallMilliseconds: Int64 { WallClock.milliseconds() }
  public func sleep(for duration: Duration) { MonotonicClock.sleep(for: duration) }
}

/// A reading of both clocks.
public struct EngineInstant: Sendable, Equatable {
  public var monotonicNanoseconds: UInt64
  public var wallMilliseconds: Int64
  public init(_ clock: some EngineClock) {
    monotonicNanoseconds = clock.monotonicNanoseconds
    wallMilliseconds = clock.wallMilliseconds
  }
}
