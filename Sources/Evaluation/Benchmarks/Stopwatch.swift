import Telemetry

/// Times a piece of work again and again.
struct Stopwatch: Sendable {
  /// Passes go on for at least this long.
  var secondsMin: Double
  var passesMin = 3

  /// Seconds of one pass: the median, after a pass that is not counted.
  func median(_ pass: () -> Void) -> Double {
    let sorted = times(pass).sorted()
    return sorted[sorted.count / 2]
  }

  /// Seconds of the fastest pass, after one that is not counted: for loops that only a neighbour can make slower.
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
