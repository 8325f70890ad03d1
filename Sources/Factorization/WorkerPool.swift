import Dispatch
import Synchronization

/// Runs a loop on several threads. Which worker takes which piece varies; callers must not let that show in results.
public final class WorkerPool: Sendable {
  public let workers: Int

  /// Threads run at the caller's priority.
  public init(workers: Int) {
    precondition(workers > 0, "a pool needs a worker, got \(workers)")
    self.workers = workers
  }

  /// Calls `body` with ranges of at most `chunk` that cover 0 ..< count, and the number of the worker (0 ..< workers).
  public func run(count: Int, chunk: Int, _ body: @Sendable (Range<Int>, _ worker: Int) -> Void) {
    precondition(chunk > 0, "a chunk holds something, got \(chunk)")
    guard count > 0 else { return }
    guard workers > 1, count > chunk else {
      var start = 0
      while start < count {
        body(start..<min(start + chunk, count), 0)
        start += chunk
      }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      while true {
        let start = next.add(chunk, ordering: .relaxed).oldValue
        guard start < count else { return }
        body(start..<min(start + chunk, count), worker)
      }
    }
  }
}

/// Sendable because each worker writes only the rows it was given, and the loop ends before the owner reads.
struct SharedPointer<Element>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
}
