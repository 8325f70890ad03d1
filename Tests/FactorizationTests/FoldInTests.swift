import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct FoldInTests {
  /// With the history in the training's order even the bits are equal, so the check is that of the newest-first order.
  @Test(arguments: Kernels.available, [7, 16, 17]) func foldInAfterTheUserStepEqualsTheTrainedRow(kernels: Kernels, factors: Int) throws {
    let model = try TrainedModel(factors: factors, kernels: kernels)
    for user in 0..<model.matrix.rows {
      let row = model.foldIn(model.history(of: user).reversed())
      #expect(relativeDistance(row, model.outcome.rowFactors[user].map(Double.init)) < 1e-4, "\(model.random), user \(user)")
    }
  }

  @Test func foldInOfTheSameEntriesInTheSameOrderHasTheTrainedBits() throws {
    let model = try TrainedModel(factors: 17, kernels: .best)
    for user in 0..<model.matrix.rows {
      #expect(model.foldIn(model.history(of: user)) == model.outcome.rowFactors[user].map(Double.init), "\(model.random), user \(user)")
    }
  }

  @Test func anItemWithoutAVectorStillCountsAsAStepInAge() {
    let recency = RecencyWeights(floor: 0.03, boost: 6, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 300_000, window: 10)
    let items = FactorMatrix(rows: 3, factors: 2, seed: 1)
    let parameters = ALSParameters(factors: 2)
    // Ages 1 and 3; the newest time is that of the pair without a vector.
    let row = foldIn(parameters, recency, items, [(nil, 1, 9000), (0, 1, 9000), (nil, 1, 8000), (2, 2, 5000)])
    let weights = [recency.weight(age: 2, gapMilliseconds: 0), 2 * recency.weight(age: 4, gapMilliseconds: 4000)]
    let expected = SolvedRow(parameters, [(0, weights[0]), (2, weights[1])], others: items)
    #expect(row.isSolved)
    #expect(row.values == expected.values)
  }

  @Test func aDislikeKeepsItsSignUnderRecency() {
    let recency = RecencyWeights(floor: 0.03, boost: 6, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 300_000, window: 10)
    let items = FactorMatrix(rows: 3, factors: 2, seed: 1)
    let parameters = ALSParameters(factors: 2)
    let row = foldIn(parameters, recency, items, [(0, 1, 9000), (2, -2, 5000)])
    let weights = [recency.weight(age: 1, gapMilliseconds: 0), -2 * recency.weight(age: 2, gapMilliseconds: 4000)]
    #expect(row.values == SolvedRow(parameters, [(0, weights[0]), (2, weights[1])], others: items).values)
  }

  @Test func aPairNewerThanTheFirstHasNoGap() {
    let recency = RecencyWeights(floor: 0, boost: 1, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 1000, window: 10)
    let items = FactorMatrix(rows: 2, factors: 2, seed: 1)
    let parameters = ALSParameters(factors: 2)
    let disordered = foldIn(parameters, recency, items, [(0, 1, 5000), (1, 1, 99_000)])
    let ordered = foldIn(parameters, recency, items, [(0, 1, 5000), (1, 1, 5000)])
    #expect(disordered.values == ordered.values)
  }

  @Test func aHistoryOfItemsWithoutVectorsGivesZeros() {
    let items = FactorMatrix(rows: 3, factors: 2, seed: 1)
    for history in [[], [(item: Int32?.none, strength: Float(1), time: Int64(0))]] {
      let row = foldIn(ALSParameters(factors: 2), nil, items, history)
      #expect(row.isSolved)
      #expect(row.values.allSatisfy { $0 == 0 })
    }
  }

  @Test func theUserBeforeLeavesNoTraceInTheWorkspace() {
    let recency = RecencyWeights(floor: 0.03, boost: 6, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 300_000, window: 10)
    let items = FactorMatrix(rows: 30, factors: 5, seed: 1)
    let parameters = ALSParameters(factors: 5)
    let workspace = FoldIn.Workspace(factors: 5)
    _ = foldIn(parameters, recency, items, (0..<9).map { ($0, 1, 1_000_000) }, workspace)
    let history: [(item: Int32?, strength: Float, time: Int64)] = [(3, 1, 5000), (4, 1, 2000)]
    #expect(foldIn(parameters, recency, items, history, workspace).values == foldIn(parameters, recency, items, history).values)
  }
}

/// Newest first.
private func foldIn(
  _ parameters: ALSParameters, _ recency: RecencyWeights?, _ items: FactorMatrix,
  _ history: [(item: Int32?, strength: Float, time: Int64)], _ workspace: FoldIn.Workspace? = nil, kernels: Kernels = .best
) -> (isSolved: Bool, values: [Float]) {
  let foldIn = FoldIn(solver: RowSolver(parameters, kernels: kernels), recency: recency)
  let workspace = workspace ?? FoldIn.Workspace(factors: parameters.factors)
  workspace.begin()
  for pair in history { foldIn.add(item: pair.item, strength: pair.strength, timeMilliseconds: pair.time, to: workspace) }
  var row = [Float](repeating: 7, count: Kernels.padded(parameters.factors))
  let gramian = Gramian(of: items, pool: WorkerPool(workers: 1), kernels: kernels)
  let isSolved = withExtendedLifetime(items) {
    row.withUnsafeMutableBufferPointer { row in
      foldIn.solve(
        side: RowSolver.Side(rows: items.pointer, gramian: gramian, count: items.rows), into: row.baseAddress!, workspace: workspace)
    }
  }
  return (isSolved, row)
}

private struct TrainedModel {
  var random = SeededGenerator(seed: 21)
  let parameters: ALSParameters
  let kernels: Kernels
  let matrix: InteractionMatrix
  let outcome: TrainingOutcome

  init(factors: Int, kernels: Kernels) throws {
    self.kernels = kernels
    parameters = ALSParameters(factors: factors, iterations: 3)
    matrix = random.matrix(rows: 40, columns: 60, density: 0.2, strengths: 0.5...2, dislikes: 0.1)
    let start = FactorMatrix(rows: 60, factors: factors, deviation: parameters.startDeviation, seed: 22)
    outcome = try ALSTrainer(parameters, options: SolverOptions(kernels: kernels)).train(matrix, start: start)
  }

  func history(of user: Int) -> [(item: Int32?, strength: Float, time: Int64)] {
    (matrix.starts[user]..<matrix.starts[user + 1]).map { (matrix.indices[$0], matrix.strengths[$0], Int64($0)) }
  }

  func foldIn(_ history: [(item: Int32?, strength: Float, time: Int64)]) -> [Double] {
    let row = FactorizationTests.foldIn(parameters, nil, outcome.columnFactors, history, kernels: kernels)
    return row.values[..<parameters.factors].map(Double.init)
  }
}
