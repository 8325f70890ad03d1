import Dispatch

/// Measures the wall time of a training, excluding pauses.
struct TrainingClock {
  private let began = DispatchTime.now().uptimeNanoseconds
  private var pausedNanoseconds: UInt64 = 0

  var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds - began - pausedNanoseconds) / 1e9 }

  mutating func paused<R>(_ body: () -> R) -> R {
    let start = DispatchTime.now().uptimeNanoseconds
    defer { pausedNanoseconds += DispatchTime.now().uptimeNanoseconds - start }
    return body()
  }
}
