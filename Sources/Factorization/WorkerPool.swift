import Dispatch
import Synchronization

/// Runs a loop on several threads. The assignment of ranges to workers is not deterministic; results must not depend on it.
public final class WorkerPool: Sendable {
  /// The number of different worker numbers.
  public let workers: Int
  private let threads: Int
  private let isBackground: Bool
  /// Whether the threads of a background pool have been found to get almost no processor time.
  private let isStarved = Atomic<Bool>(false)

  /// - Parameters:
  ///   - threads: number of threads.
  ///   - isBackground: whether the threads yield to all others of the machine (`PlainThread.yieldToAllOthers`), so that a long computation
  ///     delays nobody. The caller only waits, and takes part, at its own priority, once they get almost no processor time.
  public init(workers threads: Int, isBackground: Bool = false) {
    precondition(threads > 0, "workers must be positive, got \(threads)")
    self.threads = threads
    self.isBackground = isBackground
    workers = isBackground ? threads + 1 : threads
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
    guard isBackground else { return DispatchQueue.concurrentPerform(iterations: workers, execute: body) }
    let ended = DispatchSemaphore(value: 0)
    withoutActuallyEscaping(body) { body in
      let yields = !isStarved.load(ordering: .relaxed)
      let threads = (0..<self.threads).map { worker in
        PlainThread {
          if yields { PlainThread.yieldToAllOthers() }
          body(worker)
          ended.signal()
        }
      }
      let left = waitUnlessStarved(threads, ended)
      if left > 0 { body(self.threads) }
      for thread in threads { thread.join() }
    }
  }

  /// Processor time per wall time, of all threads together, below which they are starved.
  private static let starvedShare = 0.1
  private static let patience = Duration.seconds(1)

  /// Waits until all threads have ended or are starved, and returns how many have not ended.
  private func waitUnlessStarved(_ threads: [PlainThread], _ ended: DispatchSemaphore) -> Int {
    var left = threads.count
    let start = ContinuousClock.now
    while left > 0, !isStarved.load(ordering: .relaxed) {
      if ended.wait(timeout: .now() + .milliseconds(100)) == .success {
        left -= 1
        continue
      }
      let elapsed = ContinuousClock.now - start
      guard elapsed >= Self.patience else { continue }
      let used = threads.reduce(UInt64(0)) { $0 + ($1.processorNanoseconds ?? .max / 1024) }
      if Double(used) / 1e9 < Self.starvedShare * (elapsed / .seconds(1)) { isStarved.store(true, ordering: .relaxed) }
    }
    return left
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
