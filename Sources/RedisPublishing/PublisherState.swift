import Foundation
import Pipeline
import StreamingRecommender
import Telemetry

/// The state that the publisher's caller and its thread share.
///
/// Sendable: `shared` is accessed only with the lock held.
final class PublisherState: @unchecked Sendable {
  struct Shared {
    var queue = PublishQueue<EncodedCommand>()
    var acknowledgements: [PublishAcknowledgement] = []
    var events: [PublisherEvent] = []
    var isUp = false
    var problem: String?
    /// Why this publisher may not write: another process does.
    var displaced: String?
    var reconnects = 0
    var errors: [String: Int] = [:]
    var published: [PublishedKind: Int] = [:]
    var publishedBytes: [PublishedKind: Int] = [:]
    var partitions: [TopicPartition]
    /// The partitions changed: the thread reads the view again and reports it.
    var mustReadView = false
    /// The socket in use, so that `close` can interrupt a read.
    var descriptor: Int32?
    var isClosing = false
    var isFinished = false
  }

  private var shared: Shared
  private let condition = MonotonicCondition()

  init(partitions: [TopicPartition]) { shared = Shared(partitions: partitions) }

  func withLock<Result>(_ body: (inout Shared) throws -> Result) rethrows -> Result {
    try condition.withLock { try body(&shared) }
  }

  func wake() { condition.broadcast() }

  /// Waits until `isDone`; false when the time is over before.
  func wait(atMost timeout: Duration, until isDone: (Shared) -> Bool) -> Bool {
    let deadline = MonotonicClock.nanoseconds() + timeout.nanoseconds
    return condition.withLock {
      while !isDone(shared) {
        if !condition.wait(until: deadline) && MonotonicClock.nanoseconds() >= deadline { return isDone(shared) }
      }
      return true
    }
  }

  func close() {
    withLock {
      $0.isClosing = true
      // The thread takes the descriptor out under this lock before it closes it, so this number is still ours.
      if let descriptor = $0.descriptor { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
    wake()
  }
}
