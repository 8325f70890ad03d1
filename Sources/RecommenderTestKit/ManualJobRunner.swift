import Pipeline
import StreamingRecommender

/// Runs jobs on the caller's thread, when told to.
public final class ManualJobRunner: JobRunner {
  private var waiting: [() -> Void] = []
  public init() {}

  public func run<Output: Sendable>(_ work: @escaping @Sendable () -> Output) -> JobHandle<Output> {
    let handle = JobHandle<Output>()
    waiting.append { handle.complete(work()) }
    return handle
  }

  public var count: Int { waiting.count }
  public func runOne() { if !waiting.isEmpty { waiting.removeFirst()() } }
  public func runAll() { while !waiting.isEmpty { runOne() } }
  /// Discards the waiting jobs, as when the process dies.
  public func forget() { waiting = [] }
}
