import StreamingRecommender
import Dispatch
import Synchronization

/// Runs long work, such as trainings and snapshot writes, concurrently with the loop; a simulation runs it step by step.
public protocol JobRunner: AnyObject {
  /// Starts `work` without blocking; its result is stored in the returned handle.
  func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output>
}

public final class JobHandle<Output: Sendable>: Sendable {
  private let output = Mutex<Output?>(nil)
  public init() {}
  public func complete(_ value: Output) { output.withLock { $0 = value } }
  /// The result; `nil` until the work has finished.
  public var result: Output? { output.withLock { $0 } }
}

public final class DispatchJobRunner: JobRunner {
  private let queue: DispatchQueue

  /// - Parameter quality: must be lower than the loop's, so that a training does not delay the stream.
  public init(label: String, quality: DispatchQoS = .utility) {
    queue = DispatchQueue(label: label, qos: quality, attributes: .concurrent)
  }

  public func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output> {
    let handle = JobHandle<Output>()
    queue.async { handle.complete(work()) }
    return handle
  }
}
