import Foundation
import Synchronization
import Testing

@testable import Factorization

@Suite struct WorkerPoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 31, 32, 33, 1000]) func eachIndexIsCoveredOnce(workers: Int, count: Int) {
    for chunk in [1, 7, 32] {
      let visits = Mutex([Int](repeating: 0, count: count))
      WorkerPool(workers: workers).run(count: count, chunk: chunk) { range, _ in
        visits.withLock { visits in for index in range { visits[index] += 1 } }
      }
      #expect(visits.withLock { $0 } == [Int](repeating: 1, count: count), "pieces of \(chunk)")
    }
  }

  @Test func piecesAreNotLongerThanAskedAndWorkersAreNumbered() {
    let wrong = Mutex(0)
    WorkerPool(workers: 3).run(count: 1000, chunk: 7) { range, worker in
      if range.count > 7 || range.isEmpty || !(0..<3).contains(worker) { wrong.withLock { $0 += 1 } }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  /// On a machine that others keep busy, the caller takes part, or the loop would take minutes.
  @Test func aBackgroundPoolEndsOnABusyMachine() {
    let isOver = Stop()
    let others = (0..<4 * ProcessInfo.processInfo.activeProcessorCount).map { _ in
      PlainThread { while !isOver.isSet.load(ordering: .relaxed) {} }
    }
    let pool = WorkerPool(workers: 2, isBackground: true)
    let visits = Mutex([Int](repeating: 0, count: 600))
    let callers = Mutex(Set<Int>())
    for _ in 0..<2 {
      pool.run(count: 600, chunk: 1) { range, worker in
        let end = ContinuousClock.now + .milliseconds(10)
        while ContinuousClock.now < end {}
        callers.withLock { _ = $0.insert(worker) }
        visits.withLock { visits in for index in range { visits[index] += 1 } }
      }
    }
    isOver.isSet.store(true, ordering: .relaxed)
    for other in others { other.join() }
    #expect(visits.withLock { $0 } == [Int](repeating: 2, count: 600))
    #expect(callers.withLock { $0.isSubset(of: [0, 1, 2]) })
  }

  private final class Stop: Sendable { let isSet = Atomic<Bool>(false) }

  @Test func noTwoPiecesRunAtOnceUnderOneWorkerNumber() {
    let busy = Mutex([Bool](repeating: false, count: 4))
    let clashes = Mutex(0)
    WorkerPool(workers: 4).run(count: 2000, chunk: 1) { _, worker in
      let wasBusy = busy.withLock { busy in
        defer { busy[worker] = true }
        return busy[worker]
      }
      if wasBusy { clashes.withLock { $0 += 1 } }
      busy.withLock { $0[worker] = false }
    }
    #expect(clashes.withLock { $0 } == 0)
  }
}
