import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct NonnegativeRowSolverTests {
  @Test(arguments: Kernels.available, [0, 1]) func theSolutionIsTheBestOfAllActiveSets(kernels: Kernels, free: Int) {
    for seed in UInt64(1)...20 {
      let problem = Problem(factors: 6, targets: 1 + Int(seed), free: free, seed: seed)
      let row = problem.solve(kernels).map(Double.init)
      #expect(row.dropFirst(free).allSatisfy { $0 >= 0 }, "seed \(seed)")
      let best = problem.bestOfAllActiveSets()
      #expect(relativeDistance(row, best) < 1e-4, "seed \(seed): \(row) and \(best)")
    }
  }

  @Test func withoutConstraintsTheSolutionIsThatOfTheRowSolver() {
    for seed in UInt64(1)...5 {
      let problem = Problem(factors: 17, targets: 30, free: 17, seed: seed)
      let parameters = ALSParameters(factors: 17, confidence: .rating, regularization: problem.regularization)
      let entries = problem.targets.enumerated().map { (row: $0.offset, strength: $0.element) }
      let plain = SolvedRow(parameters, entries, others: problem.rows).doubles[..<17]
      #expect(relativeDistance(problem.solve(.best).map(Double.init), Array(plain)) < 1e-4, "seed \(seed)")
    }
  }

  @Test func whatWouldBeNegativeIsZero() {
    let problem = Problem(rows: [[1, 0], [0, 1]], targets: [-2, 3], regularization: Regularization(lambda: 0.5, exponent: 1), free: 0)
    // (1 + 0.5 x 2) x = 3 for the second factor alone.
    #expect(problem.solve(.best) == [0, 1.5])
  }

  @Test func theRowBeforeLeavesNoTraceInTheWorkspace() {
    let problem = Problem(factors: 6, targets: 9, free: 1, seed: 30)
    let workspace = NonnegativeRowSolver.Workspace(factors: 6)
    _ = Problem(factors: 6, targets: 40, free: 1, seed: 31).solve(.best, workspace)
    #expect(problem.solve(.best, workspace) == problem.solve(.best))
  }

  @Test func aRatingIsItsOwnTargetAndUnratedPairsCountNothing() {
    let confidence = Confidence.rating
    #expect(confidence.unobserved == 0)
    #expect(confidence.weightAndTarget(3.5) == (1, 3.5))
    #expect(confidence.weightAndTarget(-0.5) == (1, -0.5))
  }
}

/// One row's least squares: each target belongs to a row of its own.
private struct Problem {
  let rows: FactorMatrix
  let targets: [Float]
  let regularization: Regularization
  let free: Int

  init(factors: Int, targets: Int, free: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    rows = FactorMatrix(rows: targets, factors: factors, seed: seed)
    self.targets = random.floats(targets, in: -2...2)
    regularization = Regularization(lambda: 0.1, exponent: 0.5)
    self.free = free
  }

  init(rows: [[Float]], targets: [Float], regularization: Regularization, free: Int) {
    var matrix = FactorMatrix(rows: rows.count, factors: rows[0].count)
    for (index, row) in rows.enumerated() { matrix.setRow(index, to: row) }
    self.rows = matrix
    self.targets = targets
    self.regularization = regularization
    self.free = free
  }

  func solve(_ kernels: Kernels, _ workspace: NonnegativeRowSolver.Workspace? = nil) -> [Float] {
    let solver = NonnegativeRowSolver(factors: rows.factors, free: free, regularization: regularization, kernels: kernels)
    var row = [Float](repeating: 7, count: rows.stride)
    let isSolved = targets.withUnsafeBufferPointer {
      solver.solve(
        indices: Array(0..<Int32(targets.count)), targets: $0, rows: rows.pointer, into: &row,
        workspace: workspace ?? NonnegativeRowSolver.Workspace(factors: rows.factors))
    }
    #expect(isSolved && row[rows.factors...].allSatisfy { $0 == 0 })
    return Array(row[..<rows.factors])
  }

  /// Every choice of factors that are zero, solved plainly; of the feasible ones the one of least loss.
  func bestOfAllActiveSets() -> [Double] {
    let k = rows.factors
    let ridge = regularization.ofRow(weights: Double(targets.count), unobserved: 0, others: 0)
    var best: (loss: Double, x: [Double])?
    for choice in 0..<(1 << (k - free)) {
      let kept = (0..<k).filter { $0 < free || choice >> ($0 - free) & 1 == 1 }
      let x = leastSquares(kept, ridge)
      guard x.dropFirst(free).allSatisfy({ $0 >= 0 }) else { continue }
      let loss =
        targets.enumerated().reduce(0.0) { sum, target in
          let error = dotProduct(x, rows[target.offset].map(Double.init)) - Double(target.element)
          return sum + error * error
        } + ridge * dotProduct(x, x)
      if best == nil || loss < best!.loss { best = (loss, x) }
    }
    return best!.x
  }

  /// Gauss and Seidel until nothing moves: the matrix is positive definite.
  private func leastSquares(_ kept: [Int], _ ridge: Double) -> [Double] {
    var x = [Double](repeating: 0, count: rows.factors)
    for _ in 0..<20_000 {
      var moved = 0.0
      for i in kept {
        var (top, bottom) = (0.0, ridge)
        for (row, target) in targets.enumerated() {
          let y = rows[row].map(Double.init)
          top += y[i] * (Double(target) - dotProduct(x, y) + x[i] * y[i])
          bottom += y[i] * y[i]
        }
        moved = max(moved, abs(top / bottom - x[i]))
        x[i] = top / bottom
      }
      if moved < 1e-10 { break }
    }
    return x
  }
}
