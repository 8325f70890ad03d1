import Foundation
import Telemetry

/// A mutex and a condition variable that waits on the monotonic clock, so that setting the wall clock back does not prolong a wait.
///
/// Sendable: the two pthread objects may be used from any thread and live as long as this object.
final class MonotonicCondition: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  func broadcast() { pthread_cond_broadcast(condition) }

  /// Call with the lock held. Returns false when `deadline` (`MonotonicClock.nanoseconds()`) has passed.
  func wait(until deadline: UInt64) -> Bool {
    guard MonotonicClock.nanoseconds() < deadline else { return false }
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    return pthread_cond_timedwait(condition, mutex, &time) == 0
  }
}
