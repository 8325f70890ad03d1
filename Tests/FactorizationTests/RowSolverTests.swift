import RecommenderTestKit
import Testing

@testable import Factorization

let bothConfidences = [Confidence.unobservedWeight(0.1), .alpha(4)]

@Suite struct RowSolverTests {
  @Test(arguments: awkwardCounts, bothConfidences) func aRowEqualsTheReferenceSolution(factors: Int, confidence: Confidence) {
    for (seed, exponent) in zip(UInt64(1)..., [Float(0), 0.5, 1]) {
      var random = SeededGenerator(seed: seed)
      let others = FactorMatrix(rows: factors + 40, factors: factors, deviation: 1 / Float(factors).squareRoot(), seed: seed)
      let parameters = ALSParameters(
        factors: factors, confidence: confidence, regularization: Regularization(lambda: 0.05, exponent: exponent))
      let entries = randomEntries(70, of: others, &random)
      let reference = ReferenceSolver(parameters).solve(entries: entries, others: others)
      for kernels in Kernels.available {
        let row = SolvedRow(parameters, entries, others: others, kernels: kernels)
        #expect(row.isSolved)
        #expect(relativeDistance(Array(row.doubles[..<factors]), reference) < 2e-5, "\(random), \(kernels.name), exponent \(exponent)")
        #expect(row.values[factors...].allSatisfy { $0 == 0 }, "the padding of \(kernels.name)")
      }
    }
  }

  @Test(arguments: Kernels.available, bothConfidences) func oneEntryEqualsTheReferenceSolution(kernels: Kernels, confidence: Confidence) {
    for strength: Float in [1, 0.25, 7, -1, -7] {
      let others = FactorMatrix(rows: 25, factors: 12, deviation: 0.3, seed: 3)
      let parameters = ALSParameters(factors: 12, confidence: confidence)
      let reference = ReferenceSolver(parameters).solve(entries: [(9, strength)], others: others)
      let row = SolvedRow(parameters, [(9, strength)], others: others, kernels: kernels)
      #expect(relativeDistance(Array(row.doubles[..<12]), reference) < 2e-5, "strength \(strength)")
    }
  }

  /// The row minimises the loss as the papers write it: no small step in any direction makes it smaller.
  @Test(arguments: bothConfidences, UInt64(1)...3) func aSolvedRowMinimisesItsLoss(confidence: Confidence, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let others = FactorMatrix(rows: 30, factors: 6, deviation: 0.5, seed: seed)
    let parameters = ALSParameters(factors: 6, confidence: confidence, regularization: Regularization(lambda: 0.01, exponent: 0.5))
    let strengths = Dictionary(uniqueKeysWithValues: (0..<9).map { ($0 * 3, Float.random(in: -2...3, using: &random)) })
    let entries = strengths.sorted { $0.key < $1.key }.map { (row: $0.key, strength: $0.value) }
    let x = Array(SolvedRow(parameters, entries, others: others).doubles[..<6])
    func loss(_ x: [Double]) -> Double {
      DenseLoss(parameters).ofRow(x, others: others.doubles) { strengths[$0] }
    }
    for direction in 0..<12 {
      var moved = x
      moved[direction / 2] += direction.isMultiple(of: 2) ? 0.01 : -0.01
      #expect(loss(moved) > loss(x), "\(random)")
    }
  }

  @Test(arguments: [1, 7, 16, 33], bothConfidences) func aPriorIsTheCentreOfTheRegularization(factors: Int, confidence: Confidence) {
    var random = SeededGenerator(seed: 5)
    let others = FactorMatrix(rows: factors + 40, factors: factors, deviation: 1 / Float(factors).squareRoot(), seed: 5)
    let prior = (0..<factors).map { _ in Float.random(in: -1...1, using: &random) }
    let parameters = ALSParameters(
      factors: factors, confidence: confidence, regularization: Regularization(lambda: 0.05, exponent: 1))
    for count in [1, 5, 60] {
      let entries = randomEntries(count, of: others, &random)
      let reference = ReferenceSolver(parameters).solve(entries: entries, others: others, prior: prior)
      for kernels in Kernels.available {
        let row = SolvedRow(parameters, entries, others: others, kernels: kernels, prior: prior)
        #expect(relativeDistance(Array(row.doubles[..<factors]), reference) < 2e-5, "\(random), \(kernels.name), \(count) entries")
      }
    }
    #expect(Array(SolvedRow(parameters, [], others: others, prior: prior).values[..<factors]) == prior)
  }

  @Test(arguments: Kernels.available) func anEmptyHistoryGivesARowOfZeros(kernels: Kernels) {
    let others = FactorMatrix(rows: 5, factors: 20, seed: 1)
    let row = SolvedRow(ALSParameters(factors: 20), [], others: others, kernels: kernels)
    #expect(row.isSolved)
    #expect(row.values == [Float](repeating: 0, count: 32))
  }

  @Test func dislikesAloneGiveARowOfZeros() {
    let others = FactorMatrix(rows: 5, factors: 3, seed: 1)
    let row = SolvedRow(ALSParameters(factors: 3), [(1, -1), (4, -2)], others: others)
    #expect(row.isSolved)
    #expect(row.values.allSatisfy { $0 == 0 })
  }

  @Test(arguments: Kernels.available) func aSingularSystemIsSolvedWithARidgeThatFloatCanSee(kernels: Kernels) {
    // Nothing unobserved, no ridge, and a second factor that no item has: the matrix is [[4, 0], [0, 0]].
    var others = FactorMatrix(rows: 1, factors: 2)
    others.setRow(0, to: [2, 0])
    let parameters = ALSParameters(
      factors: 2, confidence: .unobservedWeight(0), regularization: Regularization(lambda: 0, exponent: 0))
    let row = SolvedRow(parameters, [(0, 1)], others: others, kernels: kernels)
    #expect(row.isSolved)
    #expect(abs(row.values[0] - 0.5) < 1e-3)
    #expect(row.values.dropFirst().allSatisfy { $0 == 0 })
  }

  @Test func factorsOfZeroWithoutARidgeAreRefused() {
    let parameters = ALSParameters(factors: 4, regularization: Regularization(lambda: 0, exponent: 1))
    let row = SolvedRow(parameters, [(0, 1), (1, 1)], others: FactorMatrix(rows: 3, factors: 4))
    #expect(!row.isSolved)
    #expect(row.values.allSatisfy { $0 == 0 })
  }

  @Test(arguments: bothConfidences) func hugeStrengthsStillEqualTheReferenceSolution(confidence: Confidence) {
    let others = FactorMatrix(rows: 60, factors: 17, deviation: 0.3, seed: 5)
    let parameters = ALSParameters(factors: 17, confidence: confidence, regularization: Regularization(lambda: 0.015, exponent: 1))
    let entries = (0..<20).map { (row: $0 * 3, strength: Float($0.isMultiple(of: 2) ? 1e6 : 1)) }
    let reference = ReferenceSolver(parameters).solve(entries: entries, others: others)
    for kernels in Kernels.available {
      let row = SolvedRow(parameters, entries, others: others, kernels: kernels)
      #expect(row.isSolved)
      #expect(relativeDistance(Array(row.doubles[..<17]), reference) < 1e-4, "\(kernels.name)")
    }
  }

  @Test(arguments: Kernels.available, [Float(0), 0.5, 1]) func anAbsurdAlphaGivesFiniteFactorsOrIsRefused(kernels: Kernels, exponent: Float)
  {
    for alpha: Float in [1e12, 1e20, 1e30, .greatestFiniteMagnitude] {
      for size: Float in [1e-20, 1e-3, 1, 1e5, 1e18] {
        let others = FactorMatrix(rows: 30, factors: 15, deviation: size, seed: 6)
        let parameters = ALSParameters(
          factors: 15, confidence: .alpha(alpha), regularization: Regularization(lambda: 0.01, exponent: exponent))
        let row = SolvedRow(parameters, (0..<9).map { ($0, Float($0 + 1)) }, others: others, kernels: kernels)
        #expect(row.values.allSatisfy { $0.isFinite }, "alpha \(alpha), factors of \(size)")
        #expect(row.isSolved || row.values.allSatisfy { $0 == 0 }, "alpha \(alpha), factors of \(size)")
      }
    }
  }

  @Test(arguments: Kernels.available) func weightsBeyondTheRangeOfFloatsAreRefused(kernels: Kernels) {
    let others = FactorMatrix(rows: 30, factors: 15, deviation: 1e5, seed: 7)
    let row = SolvedRow(ALSParameters(factors: 15, confidence: .alpha(1e30)), [(0, 1), (1, 1)], others: others, kernels: kernels)
    #expect(!row.isSolved)
    #expect(row.values.allSatisfy { $0 == 0 })
  }

  @Test func twoEntriesOfOneItemCountAsOneOfTheirSum() {
    let others = FactorMatrix(rows: 10, factors: 5, deviation: 0.3, seed: 8)
    let parameters = ALSParameters(factors: 5)
    let twice = SolvedRow(parameters, [(2, 1), (6, 1), (2, 2)], others: others)
    let once = SolvedRow(parameters, [(2, 3), (6, 1)], others: others)
    #expect(relativeDistance(twice.doubles, once.doubles) < 1e-5)
  }

  /// Y scaled by s and lambda by s^2 (plain ridge): x is scaled by 1 / s. A power of two only moves exponents: the bits agree.
  @Test func scaledItemFactorsScaleTheRowInversely() {
    let others = FactorMatrix(rows: 40, factors: 17, deviation: 0.3, seed: 9)
    var scaled = others
    for row in 0..<others.rows { scaled.setRow(row, to: others[row].map { 4 * $0 }) }
    func parameters(_ lambda: Float) -> ALSParameters {
      ALSParameters(factors: 17, regularization: Regularization(lambda: lambda, exponent: 0))
    }
    let entries = (0..<12).map { (row: $0 * 3, strength: Float(1)) }
    let row = SolvedRow(parameters(0.5), entries, others: others)
    let scaledRow = SolvedRow(parameters(8), entries, others: scaled)
    #expect(scaledRow.values == row.values.map { $0 / 4 })
  }

  @Test func aUsedWorkspaceLeavesNoTrace() {
    var random = SeededGenerator(seed: 10)
    let others = FactorMatrix(rows: 50, factors: 17, deviation: 0.3, seed: 10)
    let parameters = ALSParameters(factors: 17)
    let workspace = RowSolver.Workspace(factors: 17)
    let short = randomEntries(3, of: others, &random)
    let fresh = SolvedRow(parameters, short, others: others)
    // A long row, and one that fails with infinities in the matrix.
    _ = SolvedRow(parameters, randomEntries(200, of: others, &random), others: others, workspace: workspace)
    _ = SolvedRow(ALSParameters(factors: 17, confidence: .alpha(.greatestFiniteMagnitude)), [(1, 9)], others: others, workspace: workspace)
    let again = SolvedRow(parameters, short, others: others, workspace: workspace)
    #expect(again.values == fresh.values)
  }

  @Test func aWorkspaceForFewerFactorsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let others = FactorMatrix(rows: 9, factors: 17, seed: 1)
      let workspace = RowSolver.Workspace(factors: 16)
      _ = SolvedRow(ALSParameters(factors: 17), [(0, 1)], others: others, workspace: workspace)
    }
  }

  @Test func aGramianOfAnotherNumberOfFactorsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = SolvedRow(ALSParameters(factors: 5), [(0, 1)], others: FactorMatrix(rows: 9, factors: 4, seed: 1))
    }
  }

  private func randomEntries(_ count: Int, of others: FactorMatrix, _ random: inout SeededGenerator) -> [(row: Int, strength: Float)] {
    (0..<count).map { _ in
      (Int.random(in: 0..<others.rows, using: &random), Float.random(in: -1...3, using: &random))
    }
  }
}
