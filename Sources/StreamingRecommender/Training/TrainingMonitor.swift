import Synchronization

/// Reports the progress of a training and cancels it. Thread-safe.
public final class TrainingMonitor: Sendable {
  private struct State {
    var phase = "waiting"
    var ratio = 0.0
  }
  private let state = Mutex(State())
  private let cancelled = Atomic<Bool>(false)

  public init() {}

  /// Requests cancellation; the training ends at its next check.
  public func cancel() { cancelled.store(true, ordering: .relaxed) }
  public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
  public var phase: String { state.withLock { $0.phase } }
  /// Progress of the current phase, 0 to 1.
  public var ratio: Double { state.withLock { $0.ratio } }

  func begin(_ phase: String) {
    state.withLock {
      $0.phase = phase
      $0.ratio = 0
    }
  }

  func continues(at ratio: Double) -> Bool {
    state.withLock { $0.ratio = ratio }
    return !isCancelled
  }
}
