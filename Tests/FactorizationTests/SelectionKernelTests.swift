import CKernels
import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct SelectionKernelTests {
  @Test(arguments: Kernels.available, UInt64(1)...6) func selectTopEqualsAFullSortWithManyTies(kernels: Kernels, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for count in [0, 1, 15, 16, 17, 100, 1001] {
      for capacity in [1, 2, 7, 20, 2000] {
        let scores = random.wholeFloats(count, in: 0...4)
        #expect(
          selected(scores, capacity, kernels, piece: 64) == sorted(scores, capacity), "\(random), \(count) scores, the best \(capacity)")
      }
    }
  }

  @Test(arguments: Kernels.available, [1, 3, 16, 17, 33, 1000]) func thePiecesInWhichScoresComeDoNotShow(kernels: Kernels, piece: Int) {
    var random = SeededGenerator(seed: 11)
    let scores = random.wholeFloats(500, in: -20...20)
    #expect(selected(scores, 10, kernels, piece: piece) == sorted(scores, 10), "\(random)")
  }

  @Test(arguments: Kernels.available, UInt64(1)...4) func theOrderInWhichItemsComeDoesNotShow(kernels: Kernels, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let scores = random.wholeFloats(700, in: 0...6)
    let items = (0..<700).map { Int32($0) }.shuffled(using: &random)
    for capacity in [1, 20, 300] {
      var heapScores = [Float](repeating: 0, count: capacity)
      var heapItems = [Int32](repeating: 0, count: capacity)
      let entries = kernels.table.pointee.select_top(
        items.map { scores[Int($0)] }, 700, items, &heapScores, &heapItems, 0, Int32(capacity))
      let selected = (0..<Int(entries)).map { ScoredItem(item: heapItems[$0], score: heapScores[$0]) }.sorted(by: isBetter)
      #expect(selected == sorted(scores, capacity), "\(random)")
    }
  }

  @Test func withoutCapacityTheHeapIsNeitherReadNorWritten() async {
    await #expect(processExitsWith: .success) {
      for kernels in Kernels.available { precondition(kernels.table.pointee.select_top([1, 2, 3], 3, nil, nil, nil, 0, 0) == 0) }
    }
  }

  @Test(arguments: Kernels.available) func neitherNaNNorMinusInfinityIsSelected(kernels: Kernels) {
    var scores = [Float](repeating: -.infinity, count: 50)
    for index in stride(from: 0, to: 50, by: 3) { scores[index] = .nan }
    scores[20] = -3
    scores[31] = .infinity
    scores[49] = -.greatestFiniteMagnitude
    #expect(selected(scores, 10, kernels, piece: 50).map(\.item) == [31, 20, 49])
  }

  @Test(arguments: Kernels.available, [0, 1, 15, 16, 17, 64, 100, 1003]) func countAboveEqualsAPlainCount(kernels: Kernels, count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    var scores = random.wholeFloats(count, in: -2...2)
    for index in stride(from: 5, to: count, by: 9) { scores[index] = [.nan, .infinity, -.infinity][index % 3] }
    for limit: Float in [-3, -2, 0, 2, 3] {
      var (greater, equal) = (Int64(-1), Int64(-1))
      kernels.table.pointee.count_above(scores, Int32(count), limit, &greater, &equal)
      #expect(greater == Int64(scores.count { $0 > limit }), "\(random)")
      #expect(equal == Int64(scores.count { $0 == limit }), "\(random)")
    }
  }

  private func selected(_ scores: [Float], _ capacity: Int, _ kernels: Kernels, piece: Int) -> [ScoredItem] {
    var heapScores = [Float](repeating: 0, count: capacity)
    var heapItems = [Int32](repeating: 0, count: capacity)
    var entries: Int32 = 0
    for first in stride(from: 0, to: scores.count, by: piece) {
      let part = Array(scores[first..<min(first + piece, scores.count)])
      entries = kernels.table.pointee.select_top(
        part, Int32(part.count), (first..<(first + part.count)).map { Int32($0) }, &heapScores, &heapItems, entries, Int32(capacity))
    }
    // The heap has the worst first and is otherwise unordered.
    return (0..<Int(entries)).map { ScoredItem(item: heapItems[$0], score: heapScores[$0]) }.sorted(by: isBetter)
  }

  private func sorted(_ scores: [Float], _ capacity: Int) -> [ScoredItem] {
    let all = scores.enumerated().map { ScoredItem(item: Int32($0.offset), score: $0.element) }
    return Array(all.sorted(by: isBetter).prefix(capacity))
  }
}

func isBetter(_ a: ScoredItem, _ b: ScoredItem) -> Bool { a.score > b.score || (a.score == b.score && a.item < b.item) }
