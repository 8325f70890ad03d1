import Foundation
import Telemetry

/// Tells the service manager when the process is ready, how it does and when it stops, as sd_notify(3) describes.
///
/// It needs no library of systemd. Without `NOTIFY_SOCKET` in the environment every call does nothing.
struct ServiceNotifier {
  private let socket: NotifySocket?
  private var watchdog: ServiceWatchdog?
  private var shownStatus: String?

  /// - Parameter environment: that of the process; systemd sets `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` in it.
  init(environment: [String: String] = ProcessInfo.processInfo.environment, processID: Int32 = getpid()) {
    socket = environment["NOTIFY_SOCKET"].flatMap { NotifySocket(path: $0) }
    watchdog = socket == nil ? nil : ServiceWatchdog(environment: environment, processID: processID)
  }

  /// How often `continues` should be called.
  var pace: Duration { watchdog.map { .nanoseconds(Int64($0.intervalNanoseconds)) } ?? .seconds(3600) }

  /// The process does its work; services that wait for it may start.
  mutating func ready(status: String) {
    socket?.send(["READY=1", Self.line(status)])
    shownStatus = status
  }

  /// Sends the watchdog's message if it is due and the work has gone on, and the status if it is another one.
  ///
  /// - Parameter progress: a number that changes whenever the work goes on.
  mutating func continues(
    progress: UInt64, status: @autoclosure () -> String? = nil, nowNanoseconds: UInt64 = MonotonicClock.nanoseconds()
  ) {
    guard let socket else { return }
    var lines: [String] = []
    if watchdog?.beats(progress: progress, nowNanoseconds: nowNanoseconds) == true { lines.append("WATCHDOG=1") }
    if let status = status(), status != shownStatus {
      lines.append(Self.line(status))
      shownStatus = status
    }
    if !lines.isEmpty { socket.send(lines) }
  }

  /// The process ends within `timeout`, which may be longer than the unit's `TimeoutStopSec`.
  func stopping(timeout: Duration) {
    socket?.send(["STOPPING=1", Self.line("stopping"), "EXTEND_TIMEOUT_USEC=\(timeout.nanoseconds / 1_000)"])
  }

  private static let statusBytesMax = 400

  /// One line, because a line end would begin another assignment.
  private static func line(_ status: String) -> String {
    let oneLine = status.split(whereSeparator: \.isNewline).joined(separator: " ")
    return "STATUS=" + String(decoding: oneLine.utf8.prefix(statusBytesMax), as: UTF8.self)
  }
}
