import Factorization
import StreamingRecommender
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

@Suite struct GeneratedEventsTests {
  private func events(seed: UInt64 = 42) -> [Interaction] {
    var events = GeneratedEvents(users: 500, items: 320, seed: seed)
    return events.next(10_000)
  }

  @Test func theStreamRepeatsWhateverTheBatches() {
    var inBatches = GeneratedEvents(users: 500, items: 320, seed: 42)
    #expect(inBatches.next(1) + inBatches.next(9_000) + inBatches.next(999) == events())
    #expect(events(seed: 43) != events())
  }

  @Test func usersAreBusyAsAnExponentialDistributionSays() {
    var counts = [[UInt8]: Int]()
    for event in events() { counts[event.user, default: 0] += 1 }
    // Of 500 users with 20 events on average, a share of about 1/e has more than that.
    #expect((140...220).contains(counts.values.count { $0 > 20 }), "\(counts.values.count { $0 > 20 })")
    #expect(counts.count > 400 && counts.count <= 500, "\(counts.count)")
  }

  @Test func usersKeepToTheirTastes() {
    var tastes = [[UInt8]: [Int: Int]]()
    for event in events() {
      let item = Int(String(decoding: event.item.dropFirst(), as: UTF8.self))!
      #expect(item < 320)
      tastes[event.user, default: [:]][item % 32, default: 0] += 1
    }
    let ofFavourites = tastes.values.reduce(0) { $0 + $1.values.sorted(by: >).prefix(3).reduce(0, +) }
    #expect(ofFavourites > 8_500, "\(ofFavourites) of 10000")
  }

  @Test func timeGoesOn() {
    let times = events().map(\.timeMilliseconds)
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
  }
}

@Suite struct RetrainBenchmarkTests {
  /// The training to cancel is told so before it begins: on so little data it would else have ended.
  private func tiny(threads: Int = 2) -> RetrainBenchmark {
    var configuration = RecommenderConfiguration()
    configuration.model.factors = 6
    var benchmark = RetrainBenchmark(configuration, interactions: 6_000)
    benchmark.threads = threads
    benchmark.turnEvents = 4
    benchmark.turnInterval = .zero
    benchmark.turnsBefore = 10
    benchmark.cancelAtRatio = 0
    return benchmark
  }

  private func pairs(_ benchmark: RetrainBenchmark, first count: Int) -> Int {
    var events = GeneratedEvents(users: benchmark.users, items: benchmark.items, seed: benchmark.seed)
    return Set(events.next(count).map { [$0.user, $0.item] }).count
  }

  @Test func eventsAndPairsAreCountedExactly() {
    let benchmark = tiny()
    let outcome = benchmark.run()
    #expect(outcome.atRest.interactions == pairs(benchmark, first: 6_000))
    #expect(outcome.first.record.pairs == outcome.atRest.interactions)
    #expect(outcome.warm.record.pairs == pairs(benchmark, first: 6_060))
    #expect(outcome.turns.count == 10)
    let turns = outcome.warm.turns.count + outcome.cancelled.turns.count
    #expect(outcome.eventsApplied == 6_060 + 4 * turns)
  }

  @Test func tombstonesComeLastInTurnsOfAPoll() throws {
    var benchmark = tiny()
    (benchmark.tombstones, benchmark.newItems) = (3000, 3000)
    let outcome = benchmark.run()
    let tombstones = try #require(outcome.tombstones)
    #expect(tombstones.turns.count == 2)
    // Each new item has one user: the item and the user are looked at.
    #expect(tombstones.places >= 2 * 3000)
    #expect(tiny().run().tombstones == nil)
    #expect(outcome.hash == tiny().run().hash, "the part that comes last does not change what is hashed")
  }

  @Test func theHashRepeatsOnAnyNumberOfThreads() {
    let outcomes = [1, 2, 3].map { tiny(threads: $0).run() }
    #expect(Set(outcomes.map(\.hash.value)).count == 1)
    #expect(Set(outcomes.map { "\($0.first.stateHash) \($0.warm.stateHash)" }).count == 1)
    #expect(outcomes[0].first.stateHash != outcomes[0].warm.stateHash)
    var other = tiny()
    other.seed = 43
    #expect(other.run().hash != outcomes[0].hash)
  }

  @Test func bothTrainingsLeaveTheirModelAndTurnsGoOnBeside() {
    let outcome = tiny().run()
    #expect(outcome.first.record.result == .accepted && outcome.warm.record.result == .accepted)
    #expect(!outcome.first.record.warmStart && outcome.warm.record.warmStart)
    #expect(outcome.first.epochBefore == nil && outcome.first.epochAfter == 1 && outcome.warm.epochAfter == 2)
    #expect(outcome.first.turns.count == 0)
    #expect(outcome.warm.turns.count > 0)
    #expect(outcome.warm.record.secondsPerPhase.contains { $0.name == "train" })
  }

  @Test func aCancelledTrainingLeavesTheLiveModel() {
    let cancelled = tiny().run().cancelled
    #expect(cancelled.record.result == .cancelled)
    #expect(cancelled.secondsToCancel != nil)
    #expect(cancelled.epochBefore == 2 && cancelled.epochAfter == 2)
    #expect(cancelled.turns.count > 0)
  }

  @Test func figuresArePositiveAndFitTogether() {
    let outcome = tiny().run()
    #expect(outcome.loadedPerSecond > 0)
    #expect(outcome.atRest.state.total > outcome.atRestWithoutModel.state.total, "a model takes memory")
    #expect(outcome.atRest.stateBytesPerInteraction > 16, "a pair alone has 16 bytes")
    for training in [outcome.first, outcome.warm] {
      #expect(training.residentBytesPeak >= training.residentBytesBefore)
      #expect(training.seconds > 0)
    }
    #expect(outcome.turns.delay.max >= outcome.turns.work.max, "a list cannot be there before its turn began")
  }

  @Test func eachPartTellsHowFarItIs() {
    var told: [RetrainBenchmark.Progress] = []
    _ = tiny().run { told.append($0) }
    for part in ["events", "more events", "turns"] {
      let last = told.last { $0.label == part }
      #expect(last != nil && last?.done == last?.total, "\(part)")
    }
    for part in ["first model", "retrain", "retrain to cancel"] { #expect(told.contains { $0.label.hasPrefix(part + ", ") }, "\(part)") }
    #expect(told.allSatisfy { $0.done >= 0 && $0.done <= $0.total })
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
