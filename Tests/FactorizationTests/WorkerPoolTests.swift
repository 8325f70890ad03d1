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
