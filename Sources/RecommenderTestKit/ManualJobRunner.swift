import StreamingRecommender

/// Runs work when it is told to, on the caller's thread.
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
  /// The process died: what had not run never will.
  public func forget() { waiting = [] }
}
