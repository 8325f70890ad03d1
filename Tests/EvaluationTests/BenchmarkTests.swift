import Factorization
import Testing

@testable import Evaluation

/// The benchmarks run tiny here: what they compute is checked, never how long it takes.
@Suite struct FoldInBenchmarkTests {
  private func tiny(threads: Int, recency: RecencyWeights? = nil) -> FoldInBenchmark {
    var benchmark = FoldInBenchmark(parameters: ALSParameters(factors: 7), recency: recency)
    benchmark.items = 40
    benchmark.history = 9
    benchmark.batch = 50
    benchmark.threads = threads
    benchmark.secondsMin = 0
    return benchmark
  }

  private let recency = RecencyWeights(floor: 0.03, boost: 6, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 300_000, window: 6)

  @Test func rowsAreThoseOfTheReferenceSolver() {
    let benchmark = tiny(threads: 2, recency: recency)
    let outcome = benchmark.run()
    let (items, histories) = (benchmark.itemFactors, benchmark.histories)
    #expect(outcome.rows.rows == 50)
    for (user, history) in histories.enumerated() {
      let entries = (0..<recency.window).map { at in
        let gap = history.timesMilliseconds[0] - history.timesMilliseconds[at]
        return (row: Int(history.items[at]), strength: recency.weight(age: at + 1, gapMilliseconds: gap))
      }
      let expected = ReferenceSolver(benchmark.parameters).solve(entries: entries, others: items)
      let size = expected.reduce(0) { max($0, abs($1)) }
      #expect(zip(outcome.rows[user], expected).allSatisfy { abs(Double($0) - $1) < 1e-4 * size }, "user \(user)")
    }
  }

  @Test func theHashRepeatsOnAnyNumberOfThreads() {
    let hashes = [1, 1, 2, 3].map { tiny(threads: $0).run().hash }
    #expect(Set(hashes.map(\.value)).count == 1)
    var other = tiny(threads: 1)
    other.seed = 43
    #expect(other.run().hash != hashes[0])
  }

  @Test func historiesHoldDistinctItemsNewestFirst() {
    for history in tiny(threads: 1).histories {
      #expect(Set(history.items).count == 9)
      #expect(zip(history.timesMilliseconds, history.timesMilliseconds.dropFirst()).allSatisfy { $0 >= $1 })
    }
  }
}

@Suite struct TopNBenchmarkTests {
  private func tiny(threads: Int, batch: Int = 70) -> TopNBenchmark {
    var benchmark = TopNBenchmark()
    benchmark.items = 333
    benchmark.factors = 5
    benchmark.batch = batch
    benchmark.n = 8
    benchmark.threads = threads
    benchmark.secondsMin = 0
    return benchmark
  }

  /// Every list, not only the few that a real run checks.
  @Test(arguments: [1, 15, 70]) func listsAreThoseOfAFullSort(batch: Int) {
    var benchmark = tiny(threads: 2, batch: batch)
    benchmark.usersChecked = batch
    let outcome = benchmark.run()
    #expect(outcome.lists.count == batch)
    #expect(outcome.lists.allSatisfy { $0.count == 8 })
    #expect(outcome.isExact)
  }

  @Test func theHashRepeatsOnAnyNumberOfThreads() {
    let hashes = [1, 1, 2, 3].map { tiny(threads: $0).run().hash }
    #expect(Set(hashes.map(\.value)).count == 1)
  }

  @Test func withoutACheckNothingIsCalledExact() {
    var benchmark = tiny(threads: 1)
    benchmark.usersChecked = 0
    #expect(!benchmark.run().isExact)
  }

  @Test func aFullSortRefusesAWrongList() {
    let items = FactorMatrix(rows: 40, factors: 3, deviation: 1) { UInt64($0) }
    let user: [Float] = [1, -2, 0.5]
    user.withUnsafeBufferPointer { user in
      let sort = FullSort(user, items)
      let list = TopNSelector().top(5, of: ItemPanels(items), for: [TopNSelector.Query(factors: user)])[0]
      #expect(sort.agrees(with: list, n: 5))
      #expect(!sort.agrees(with: Array(list.dropLast()), n: 5), "too short")
      #expect(!sort.agrees(with: list.dropLast() + [list[0]], n: 5), "an item twice")
      var wrong = list
      let unlisted = (0..<40).first { index in !list.contains { $0.item == Int32(index) } }!
      wrong[0].item = Int32(unlisted)
      #expect(!sort.agrees(with: wrong, n: 5), "an item that does not belong there")
      wrong = list
      wrong[0].score += 0.1
      #expect(!sort.agrees(with: wrong, n: 5), "another score")
    }
  }
}

@Suite struct TrainingBenchmarkTests {
  private func tiny(workers: Int, _ solver: TrainingSolver = .cholesky) -> TrainingBenchmark {
    TrainingBenchmark(
      matrix: GeneratedInteractions(users: 90, items: 70, pairs: 900).matrix,
      parameters: ALSParameters(factors: 6, iterations: 2, solver: solver), workers: workers)
  }

  @Test(arguments: [TrainingSolver.cholesky, .conjugateGradients(steps: 3)]) func theHashRepeatsOnAnyNumberOfWorkers(solver: TrainingSolver)
    throws
  {
    let outcomes = try [1, 2, 3].map { try tiny(workers: $0, solver).run() }
    for outcome in outcomes { #expect(outcome.isSameForAnyNumberOfWorkers) }
    #expect(Set(outcomes.map(\.hash.value)).count == 1)
    #expect(outcomes[0].speedUp == nil)
    #expect(outcomes[1].speedUp != nil && outcomes[2].speedUp != nil)
  }

  @Test func theLossFalls() throws {
    let losses = try tiny(workers: 1).run().training.losses.map(\.total)
    #expect(losses.count == 5)
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $1 <= $0 * (1 + 1e-6) })
  }
}

@Suite struct GeneratedInteractionsTests {
  @Test func theMatrixHasItsShapeAndRepeats() {
    let generated = GeneratedInteractions(users: 200, items: 1000, pairs: 3000)
    let matrix = generated.matrix
    #expect(matrix.rows == 200 && matrix.columns == 1000)
    #expect(matrix.entries <= 3000 && matrix.entries > 2000, "\(matrix.entries)")
    let again = generated.matrix
    #expect(again.indices == matrix.indices && again.starts == matrix.starts)
    for row in 0..<matrix.rows {
      let items = matrix.indices[matrix.starts[row]..<matrix.starts[row + 1]]
      #expect(zip(items, items.dropFirst()).allSatisfy { $0 < $1 }, "row \(row)")
    }
  }

  @Test func popularItemsAreMuchMoreFrequent() {
    let matrix = GeneratedInteractions(users: 500, items: 320, pairs: 10_000).matrix
    let ofFirst = matrix.indices.filter { $0 < 32 }.count
    let ofLast = matrix.indices.filter { $0 >= 288 }.count
    #expect(ofFirst > 3 * ofLast, "\(ofFirst) and \(ofLast)")
  }

  @Test func theTextIsReadOrRefused() {
    #expect(GeneratedInteractions(text: "30x40x500") == GeneratedInteractions(users: 30, items: 40, pairs: 500))
    for text in ["", "30x40", "30x40x", "30x40x5x6", "ax40x5", "0x40x5", "30x-4x5"] { #expect(GeneratedInteractions(text: text) == nil) }
  }
}

@Suite struct KernelBenchmarkTests {
  private func tiny() -> KernelBenchmark {
    var benchmark = KernelBenchmark()
    benchmark.factors = 17
    benchmark.rows = 70
    benchmark.catalogue = 100
    benchmark.users = 3
    benchmark.n = 5
    benchmark.secondsMin = 0
    return benchmark
  }

  @Test func variantsComputeWhatThePlainOneDoes() throws {
    let outcome = tiny().run()
    #expect(outcome.peaks.map(\.variant) == Kernels.available.map(\.name))
    #expect(outcome.rows.count == 7 * Kernels.available.count)
    for row in outcome.rows {
      let plain = try #require(outcome.rows.first { $0.variant == "plain" && $0.kernel == row.kernel })
      let size = plain.result.reduce(0) { max($0, abs($1)) }
      #expect(size > 0, "\(row.kernel) computed nothing")
      #expect(row.result.count == plain.result.count)
      #expect(zip(row.result, plain.result).allSatisfy { abs($0 - $1) <= 1e-4 * size }, "\(row.kernel), \(row.variant)")
    }
  }

  @Test func theSelectionHoldsTheBestScores() throws {
    let benchmark = tiny()
    let best = KernelBenchmark.Data(benchmark).randomScores.sorted(by: >).prefix(5)
    for row in benchmark.run().rows where row.kernel == "select_top" { #expect(row.result == Array(best), "\(row.variant)") }
  }

  @Test func theHashRepeats() {
    #expect(tiny().run().hash == tiny().run().hash)
  }
}

@Suite struct ResultHashTests {
  @Test func everyBitCounts() {
    func hash(_ numbers: [Float]) -> UInt64 {
      var hash = ResultHash()
      hash.add(numbers)
      return hash.value
    }
    #expect(hash([1, 2]) == hash([1, 2]))
    #expect(hash([1, 2]) != hash([2, 1]))
    #expect(hash([0]) != hash([-Float(0)]))
    #expect(hash([1]) != hash([Float(1).nextUp]))
    #expect(hash([]) != hash([0]))
    #expect(ResultHash().description == "cbf29ce484222325")
  }
}
