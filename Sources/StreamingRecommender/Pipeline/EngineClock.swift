import Telemetry

/// Time as an argument: the machine's in production, a hand-moved one in tests.
public protocol EngineClock: Sendable {
  /// Never jumps; for intervals.
  var monotonicNanoseconds: UInt64 { get }
  /// Milliseconds since 1970; for timestamps that others read.
  var wallMilliseconds: Int64 { get }
  /// Waits; a hand-moved clock goes on at once.
  func sleep(for duration: Duration)
}

public struct SystemClock: EngineClock {
  public init() {}
  public var monotonicNanoseconds: UInt64 { MonotonicClock.nanoseconds() }
  public var wallMilliseconds: Int64 { WallClock.milliseconds() }
  public func sleep(for duration: Duration) { MonotonicClock.sleep(for: duration) }
}

/// One reading of both clocks.
public struct EngineInstant: Sendable, Equatable {
  public var monotonicNanoseconds: UInt64
  public var wallMilliseconds: Int64
  public init(_ clock: some EngineClock) {
    monotonicNanoseconds = clock.monotonicNanoseconds
    wallMilliseconds = clock.wallMilliseconds
  }
}
