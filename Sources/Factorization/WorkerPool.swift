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

  /// Terms added up at a time by `sum`.
  private static let termsPerPart = 512

  /// The sum of term(0 ..< count); its order does not depend on the workers: parts of fixed size, added in order.
  func sum(count: Int, _ term: @Sendable (Int) -> Double) -> Double {
    let parts = (count + Self.termsPerPart - 1) / Self.termsPerPart
    let sums = UnsafeMutablePointer<Double>.allocate(capacity: max(1, parts))
    defer { sums.deallocate() }
    let shared = SharedPointer(pointer: sums)
    run(count: parts, chunk: 1) { range, _ in
      for part in range {
        let terms = (part * Self.termsPerPart)..<min(count, (part + 1) * Self.termsPerPart)
        shared.pointer[part] = terms.reduce(0) { $0 + term($1) }
      }
    }
    return (0..<parts).reduce(0) { $0 + sums[$1] }
  }
}

/// Sendable because each worker writes only the rows it was given, and the loop ends before the owner reads.
struct SharedPointer<Element>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
}
