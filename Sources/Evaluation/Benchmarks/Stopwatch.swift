import Telemetry

/// Times a piece of work repeatedly.
struct Stopwatch: Sendable {
  /// The minimum total duration of the passes in seconds.
  var secondsMin: Double
  var passesMin = 3

  /// Returns the median of the seconds per pass, after an uncounted warm-up pass.
  func median(_ pass: () -> Void) -> Double {
    let sorted = times(pass).sorted()
    return sorted[sorted.count / 2]
  }

  /// Returns the seconds of the fastest pass, after an uncounted warm-up pass; for loops that can only be slowed by other processes.
  func fastest(_ pass: () -> Void) -> Double { times(pass).min()! }

  private func times(_ pass: () -> Void) -> [Double] {
    pass()
    var times: [Double] = []
    let began = MonotonicClock.nanoseconds()
    while times.count < passesMin || Double(MonotonicClock.nanoseconds() - began) / 1e9 < secondsMin {
      let start = MonotonicClock.nanoseconds()
      pass()
      times.append(Double(max(1, MonotonicClock.nanoseconds() - start)) / 1e9)
    }
    return times
  }
}
