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

  /// The results of `body` for ranges of at most `chunk` that cover 0 ..< count, in order: one result per index.
  public func map<Result>(count: Int, chunk: Int, _ body: @Sendable (Range<Int>, _ worker: Int) -> [Result]) -> [Result] {
    let parts = (count + chunk - 1) / chunk
    let slots = UnsafeMutablePointer<[Result]>.allocate(capacity: max(1, parts))
    defer { slots.deallocate() }
    let shared = WorkerShared(slots)
    run(count: count, chunk: chunk) { range, worker in
      (shared.value + range.lowerBound / chunk).initialize(to: body(range, worker))
    }
    var results: [Result] = []
    results.reserveCapacity(count)
    for part in 0..<parts { results += (slots + part).move() }
    return results
  }

  /// Terms added up at a time by `sum`.
  private static let termsPerPart = 512

  /// The sum of term(0 ..< count); its order does not depend on the workers: parts of fixed size, added in order.
  func sum(count: Int, _ term: @Sendable (Int) -> Double) -> Double {
    let parts = (count + Self.termsPerPart - 1) / Self.termsPerPart
    let sums = map(count: parts, chunk: 1) { range, _ in
      range.map { part in
        let terms = (part * Self.termsPerPart)..<min(count, (part + 1) * Self.termsPerPart)
        return terms.reduce(0) { $0 + term($1) }
      }
    }
    return sums.reduce(0, +)
  }
}

/// What the workers of one `WorkerPool` loop share without a lock: memory of which each worker writes only the ranges that it was
/// given, scratch memory that belongs to one worker number, or memory that nobody writes to while the loop runs.
///
/// `@unchecked Sendable`: the loop ends before its caller goes on, so nothing outlives the memory and nobody reads what is being
/// written. This is the only such box; a value of it must not leave the loop that it was made for.
public struct WorkerShared<Value>: @unchecked Sendable {
  public let value: Value
  public init(_ value: Value) { self.value = value }
}
