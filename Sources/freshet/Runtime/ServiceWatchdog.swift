/// Decides when the message to the service manager's watchdog is due, and withholds it while the work stands still.
struct ServiceWatchdog {
  /// A quarter of the time after which systemd ends a service that sends nothing.
  let intervalNanoseconds: UInt64
  private var sentNanoseconds: UInt64?
  private var sentProgress: UInt64?

  /// `nil` where the unit has no `WatchdogSec`, or the watchdog is meant for another process.
  init?(environment: [String: String], processID: Int32) {
    guard let microseconds = environment["WATCHDOG_USEC"].flatMap({ UInt64($0) }), (1...Self.microsecondsMax).contains(microseconds)
    else { return nil }
    if let named = environment["WATCHDOG_PID"], named != "\(processID)" { return nil }
    intervalNanoseconds = microseconds * 1_000 / 4
  }

  /// A day; more could overflow below.
  private static let microsecondsMax: UInt64 = 86_400_000_000

  mutating func beats(progress: UInt64, nowNanoseconds: UInt64) -> Bool {
    if let sentNanoseconds, nowNanoseconds < sentNanoseconds + intervalNanoseconds { return false }
    guard progress != sentProgress else { return false }
    (sentNanoseconds, sentProgress) = (nowNanoseconds, progress)
    return true
  }
}
