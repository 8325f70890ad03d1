import Foundation

extension Duration {
  /// Never zero: hiredis and sockets take zero to mean no time-out.
  var timeval: timeval {
    let microseconds = max(1000, nanosecondsClamped / 1000)
    return Foundation.timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
  }

  /// Nanoseconds, clamped to 0...1 hour; time-outs and waits are never longer.
  var nanosecondsClamped: UInt64 {
    let bounded = Swift.min(Swift.max(self, .zero), .seconds(3600))
    return UInt64(bounded.components.seconds) * 1_000_000_000 + UInt64(bounded.components.attoseconds / 1_000_000_000)
  }
}
