import Dispatch
import Synchronization

/// Runs a loop on several threads. The assignment of ranges to workers is not deterministic; results must not depend on it.
public final class WorkerPool: Sendable {
  public let workers: Int
  private let inheritsPriority: Bool

  /// - Parameter inheritsPriority: whether workers run at the nice value of the caller. That takes new threads for each loop, because an
  ///   unprivileged process cannot raise the priority of a pooled thread again. Otherwise, Dispatch provides the threads.
  public init(workers: Int, inheritsPriority: Bool = false) {
    precondition(workers > 0, "workers must be positive, got \(workers)")
    self.workers = workers
    self.inheritsPriority = inheritsPriority
  }

  /// Calls `body` with ranges of at most `chunk` indices that cover 0 ..< count, and with the worker number (0 ..< workers). Returns when
  /// all ranges are done.
  public func run(count: Int, chunk: Int, _ body: @Sendable (Range<Int>, _ worker: Int) -> Void) {
    precondition(chunk > 0, "chunk must be positive, got \(chunk)")
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
    perform { worker in
      while true {
        let start = next.add(chunk, ordering: .relaxed).oldValue
        guard start < count else { return }
        body(start..<min(start + chunk, count), worker)
      }
    }
  }

  /// Calls `body` once per worker, concurrently, and returns when all calls have ended.
  private func perform(_ body: @Sendable (_ worker: Int) -> Void) {
    guard inheritsPriority else { return DispatchQueue.concurrentPerform(iterations: workers, execute: body) }
    withoutActuallyEscaping(body) { body in
      let others = (1..<workers).map { worker in PlainThread { body(worker) } }
      body(0)
      for thread in others { thread.join() }
    }
  }

  /// Concatenates, in index order, the results of `body` for ranges of at most `chunk` indices; `body` returns one result per index.
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

  /// Terms per partial sum in `sum`.
  private static let termsPerPart = 512

  /// The sum of term(0 ..< count), added in parts of fixed size and in order, so the result does not depend on the number of workers.
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

/// Memory shared without a lock by the workers of one `WorkerPool` loop.
///
/// Each worker writes only the ranges that it was given or the scratch memory of its worker number; all other memory is read-only while
/// the loop runs.
///
/// `@unchecked Sendable` is sound because the loop ends before its caller continues, so nothing outlives the memory and nothing is read
/// while it is written. A value must not leave the loop that it was created for.
public struct WorkerShared<Value>: @unchecked Sendable {
  public let value: Value
  public init(_ value: Value) { self.value = value }
}
