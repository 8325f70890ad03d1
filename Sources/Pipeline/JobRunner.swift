import Factorization
import StreamingRecommender
import Synchronization

/// Runs long work, such as trainings and snapshot writes, concurrently with the loop; a simulation runs it step by step.
public protocol JobRunner: AnyObject {
  /// Starts `work` without blocking; its result is stored in the returned handle.
  func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output>

  /// Frees a large value, if possible on another thread.
  func discard(_ value: consuming some Sendable)
}

extension JobRunner {
  public func discard(_ value: consuming some Sendable) {}
}

public final class JobHandle<Output: Sendable>: Sendable {
  private let output = Mutex<Output?>(nil)
  public init() {}
  public func complete(_ value: Output) { output.withLock { $0 = value } }
  /// The result; `nil` until the work has finished.
  public var result: Output? { output.withLock { $0 } }
}

/// Runs each job on a thread of its own whose priority is lower than the loop's, so that a training does not delay the stream.
public final class ThreadJobRunner: JobRunner {
  private let nice: Int

  /// - Parameter nice: nice value of the jobs, 0 to 19. The scheduler gives a job at 10 about a tenth of a core that the loop needs, too.
  public init(nice: Int = 10) { self.nice = nice }

  public func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output> {
    let handle = JobHandle<Output>()
    let nice = self.nice
    PlainThread {
      PlainThread.lowerPriority(nice: nice)
      handle.complete(work())
    }.detach()
    return handle
  }

  public func discard(_ value: consuming some Sendable) {
    let value = value
    _ = run { withExtendedLifetime(value) {} }
  }
}
