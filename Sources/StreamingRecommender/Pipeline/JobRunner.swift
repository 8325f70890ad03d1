import Dispatch
import Synchronization

/// Runs long work beside the loop: trainings and snapshot files on queues of their own, or by hand in a simulation.
public protocol JobRunner: AnyObject {
  /// Starts `work`; its result appears in the handle. Never waits.
  func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output>
}

public final class JobHandle<Output: Sendable>: Sendable {
  private let output = Mutex<Output?>(nil)
  public init() {}
  public func complete(_ value: Output) { output.withLock { $0 = value } }
  /// `nil` while the work goes on.
  public var result: Output? { output.withLock { $0 } }
}

public final class DispatchJobRunner: JobRunner {
  private let queue: DispatchQueue

  /// - Parameter quality: below the loop's, so that a training yields to the stream.
  public init(label: String, quality: DispatchQoS = .utility) {
    queue = DispatchQueue(label: label, qos: quality, attributes: .concurrent)
  }

  public func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output> {
    let handle = JobHandle<Output>()
    queue.async { handle.complete(work()) }
    return handle
  }
}
