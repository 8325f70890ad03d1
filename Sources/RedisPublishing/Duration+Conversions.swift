import Foundation
import Telemetry

extension Duration {
  /// Never zero, which hiredis and sockets take to mean no time-out, and at most an hour.
  var timeval: timeval {
    let microseconds = min(max(1000, nanoseconds / 1000), 3_600_000_000)
    return Foundation.timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
  }
}
