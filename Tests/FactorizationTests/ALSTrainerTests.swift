import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct ALSTrainerTests {
  @Test(arguments: bothConfidences, [Float(0), 0.5, 1]) func theLossEqualsAPlainOneOverTheDenseMatrix(
    confidence: Confidence, exponent: Float
  ) throws {
    for seed in UInt64(1)...3 {
      let training = try Training(confidence: confidence, exponent: exponent, iterations: 2, seed: seed)
      let loss = try #require(training.outcome.losses.last)
      let dense = training.denseLoss
      #expect(abs(loss.observed - dense.observed) < 1e-4 * dense.total, "seed \(seed)")
      #expect(abs(loss.unobserved - dense.unobserved) < 1e-4 * dense.total, "seed \(seed)")
      #expect(abs(loss.regularizer - dense.regularizer) < 1e-4 * dense.total, "seed \(seed)")
    }
  }

  /// Scores close to 1 under large weights: the observed part w (s - 1)^2 is a small difference of large numbers.
  @Test(arguments: bothConfidences) func theLossKeepsItsDigitsUnderLargeWeights(confidence: Confidence) throws {
    for seed in UInt64(1)...3 {
      let training = try Training(
        factors: 30, confidence: confidence, lambda: 1e-3, exponent: 0, strengths: 100...200, dislikes: 0, iterations: 20, seed: seed)
      let loss = try #require(training.outcome.losses.last)
      #expect(abs(loss.observed - training.denseLoss.observed) < 6e-5, "seed \(seed)")
    }
  }

  @Test(arguments: bothConfidences, [Float(0), 0.5, 1]) func theLossNeverRisesBetweenHalfSteps(confidence: Confidence, exponent: Float)
    throws
  {
    for seed in UInt64(1)...5 {
      let losses = try Training(confidence: confidence, exponent: exponent, iterations: 10, seed: seed).outcome.losses
      #expect(losses.count == 21)
      for (before, after) in zip(losses, losses.dropFirst()) {
        #expect(after.total <= before.total * (1 + 1e-6), "seed \(seed)")
      }
    }
  }

  @Test(arguments: [2, 3]) func theNumberOfWorkersDoesNotShowInTheBits(workers: Int) throws {
    // More rows than one part of the Gramian (2048) and of the loss (512) holds.
    var random = SeededGenerator(seed: 1)
    let matrix = random.matrix(rows: 4500, columns: 40, density: 0.1, strengths: 0.5...2)
    let parameters = ALSParameters(factors: 9, iterations: 2)
    let start = FactorMatrix(rows: 40, factors: 9, deviation: parameters.startDeviation, seed: 2)
    let one = try ALSTrainer(parameters).train(matrix, start: start)
    let several = try ALSTrainer(parameters, options: SolverOptions(workers: workers)).train(matrix, start: start)
    #expect(several.rowFactors == one.rowFactors, "\(random)")
    #expect(several.columnFactors == one.columnFactors, "\(random)")
    #expect(several.losses == one.losses, "\(random)")
  }

  @Test(arguments: Kernels.available, [8, 17, 33]) func eachKernelVariantTrainsTheSameModel(kernels: Kernels, factors: Int) throws {
    let plain = try Training(factors: factors, iterations: 5, kernels: Kernels.named("plain")!, seed: 4).outcome
    let other = try Training(factors: factors, iterations: 5, kernels: kernels, seed: 4).outcome
    #expect(relativeDistance(other.rowFactors.doubles.flatMap(\.self), plain.rowFactors.doubles.flatMap(\.self)) < 1e-3)
    #expect(relativeDistance(other.columnFactors.doubles.flatMap(\.self), plain.columnFactors.doubles.flatMap(\.self)) < 1e-3)
  }

  @Test func theSameSeedGivesTheSameBits() throws {
    let (first, second) = (try Training(seed: 5).outcome, try Training(seed: 5).outcome)
    #expect(first.rowFactors == second.rowFactors)
    #expect(first.columnFactors == second.columnFactors)
  }

  @Test func anotherStartGivesAnotherModel() throws {
    let first = try Training(seed: 5, startSeed: 1).outcome
    let second = try Training(seed: 5, startSeed: 2).outcome
    #expect(first.columnFactors != second.columnFactors)
  }

  @Test(arguments: [2, 4, 8]) func theWithheldDiagonalOfACheckerboardComesFirst(factors: Int) throws {
    let board = CheckerboardData(size: 40)
    let parameters = ALSParameters(factors: factors, iterations: 10)
    let start = FactorMatrix(rows: board.size, factors: factors, deviation: parameters.startDeviation, seed: 6)
    let model = try ALSTrainer(parameters).train(board.matrix, start: start)
    let panels = ItemPanels(model.columnFactors)
    let queries = (0..<board.size).map {
      TopNSelector.Query(factors: model.rowFactors[$0], excluded: board.items(of: $0))
    }
    let lists = TopNSelector().top(3, of: panels, for: queries)
    #expect(lists.map { $0[0].item } == (0..<board.size).map { board.withheldItem(of: $0) })
  }

  @Test func itemsOfTheSameUsersGetTheSameFactors() throws {
    var random = SeededGenerator(seed: 7)
    let rows = (0..<50).map { _ -> [(column: Int32, strength: Float)] in
      var row: [(column: Int32, strength: Float)] = []
      for column in Int32(0)..<10 where Bool.random(using: &random) {
        // Columns 10 ... 19 repeat 0 ... 9.
        row += [(column, 1), (column + 10, 1)]
      }
      return row
    }
    let matrix = InteractionMatrix(columns: 20, rows: rows)
    let parameters = ALSParameters(factors: 4, iterations: 3)
    let start = FactorMatrix(rows: 20, factors: 4, deviation: parameters.startDeviation, seed: 7)
    let items = try ALSTrainer(parameters).train(matrix, start: start).columnFactors
    for item in 0..<10 { #expect(items.array(item) == items.array(item + 10), "\(random)") }
  }

  @Test func rowsAndColumnsWithoutEntriesGetZeros() throws {
    let matrix = InteractionMatrix(columns: 4, rows: [[], [(0, 1), (3, 2)], [], [(3, 1)]])
    let parameters = ALSParameters(factors: 3, iterations: 2)
    let start = FactorMatrix(rows: 4, factors: 3, deviation: parameters.startDeviation, seed: 8)
    let model = try ALSTrainer(parameters).train(matrix, start: start)
    for row in [0, 2] { #expect(model.rowFactors.array(row) == [0, 0, 0]) }
    for column in [1, 2] { #expect(model.columnFactors.array(column) == [0, 0, 0]) }
    #expect(model.columnFactors.array(3) != [0, 0, 0])
  }

  @Test func aMatrixWithoutEntriesTrainsToZeros() throws {
    for rows in [0, 3] {
      let matrix = InteractionMatrix(columns: 2, rows: [[(column: Int32, strength: Float)]](repeating: [], count: rows))
      let model = try ALSTrainer(ALSParameters(factors: 3, iterations: 2)).train(matrix, start: FactorMatrix(rows: 2, factors: 3, seed: 9))
      #expect(model.rowFactors == FactorMatrix(rows: rows, factors: 3))
      #expect(model.columnFactors == FactorMatrix(rows: 2, factors: 3))
      #expect(model.losses.last?.total == 0)
    }
  }

  @Test func aStartWithAnotherNumberOfFactorsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      // As many floats a row after padding: nothing would crash by itself.
      _ = try? ALSTrainer(ALSParameters(factors: 3)).train(
        CheckerboardData(size: 8).matrix, start: FactorMatrix(rows: 8, factors: 4, deviation: 0.1, seed: 1))
    }
  }

  @Test func theStartIsNotWritten() throws {
    let board = CheckerboardData(size: 8)
    let start = FactorMatrix(rows: 8, factors: 3, seed: 10)
    let copy = start.doubles
    _ = try ALSTrainer(ALSParameters(factors: 3, iterations: 2)).train(board.matrix, start: start)
    #expect(start.doubles == copy)
  }

  @Test(arguments: [0, 1, 3, 6]) func aTrainingEndsWhenItIsToldTo(halfStep: Int) {
    var asked: [Int] = []
    #expect(throws: TrainingError.cancelled) {
      try ALSTrainer(ALSParameters(factors: 3, iterations: 3)).train(
        CheckerboardData(size: 8).matrix, start: FactorMatrix(rows: 8, factors: 3, seed: 11),
        keepGoing: { progress in
          asked.append(progress.halfStep)
          return progress.halfStep < halfStep
        })
    }
    #expect(asked == Array(0...halfStep))
  }

  @Test func progressIsToldBeforeEachHalfStep() throws {
    var ratios: [Double] = []
    _ = try ALSTrainer(ALSParameters(factors: 3, iterations: 2)).train(
      CheckerboardData(size: 8).matrix, start: FactorMatrix(rows: 8, factors: 3, seed: 11), endWithRows: false,
      keepGoing: { progress in
        ratios.append(progress.ratio)
        return true
      })
    #expect(ratios == [0, 0.25, 0.5, 0.75])
  }

  @Test(arguments: [1, 2]) func rowsWithoutAFiniteSolutionFailTheTraining(workers: Int) {
    let board = CheckerboardData(size: 8)
    let parameters = ALSParameters(factors: 3, confidence: .alpha(.greatestFiniteMagnitude), iterations: 2)
    #expect(throws: TrainingError.notFinite(halfStep: 0, rows: 8)) {
      try ALSTrainer(parameters, options: SolverOptions(workers: workers)).train(
        board.matrix, start: FactorMatrix(rows: 8, factors: 3, deviation: 10, seed: 12))
    }
  }
}

/// A small random training.
private struct Training {
  let parameters: ALSParameters
  let matrix: InteractionMatrix
  let outcome: TrainingOutcome

  init(
    factors: Int = 7, confidence: Confidence = .unobservedWeight(0.1), lambda: Float = 0.02, exponent: Float = 1,
    strengths: ClosedRange<Float> = 0.5...3, dislikes: Double = 0.1, iterations: Int = 3, kernels: Kernels = .best, seed: UInt64,
    startSeed: UInt64? = nil
  ) throws {
    var random = SeededGenerator(seed: seed)
    parameters = ALSParameters(
      factors: factors, confidence: confidence, regularization: Regularization(lambda: lambda, exponent: exponent), iterations: iterations)
    matrix = random.matrix(rows: 50, columns: 35, density: 0.2, strengths: strengths, dislikes: dislikes)
    let start = FactorMatrix(rows: 35, factors: factors, deviation: parameters.startDeviation, seed: startSeed ?? seed)
    outcome = try ALSTrainer(parameters, options: SolverOptions(kernels: kernels)).train(matrix, start: start)
  }

  var denseLoss: DenseLoss.Parts {
    DenseLoss(parameters).parts(matrix, outcome.rowFactors.doubles, outcome.columnFactors.doubles)
  }
}
