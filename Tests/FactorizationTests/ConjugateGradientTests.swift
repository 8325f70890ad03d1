import CKernels
import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct ConjugateGradientTests {
  /// A training side with rows of many lengths, empty ones too.
  private struct Problem {
    let matrix: InteractionMatrix
    let others: FactorMatrix
    let gramian: Gramian
    let solver: RowSolver
    let start: FactorMatrix

    init(factors: Int, kernels: Kernels, seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      var matrix = InteractionMatrix(columns: 60)
      for row in 0..<37 {
        for column in 0..<60 where random.chance(Double(row) / 50) {
          matrix.append(column: Int32(column), strength: random.chance(0.2) ? -0.5 : 1.5)
        }
        matrix.endRow()
      }
      self.matrix = matrix
      others = FactorMatrix(rows: 60, factors: factors, deviation: 0.4, seedOfRow: { UInt64($0) + seed })
      gramian = Gramian(of: others, pool: WorkerPool(workers: 1), kernels: kernels)
      solver = RowSolver(
        factors: factors, confidence: .unobservedWeight(0.1), regularization: Regularization(lambda: 0.02), kernels: kernels)
      start = FactorMatrix(rows: matrix.rows, factors: factors, deviation: 0.2, seedOfRow: { UInt64($0) &* 7 + seed })
    }

    func run(_ descent: RowSolver.Descent?, rows: [Int32]? = nil) -> FactorMatrix {
      var result = start
      let side = RowSolver.Side(rows: others.pointer, gramian: gramian, count: others.rows)
      let rows = rows ?? (0..<Int32(matrix.rows)).map { $0 }
      let workspace = RowSolver.Workspace(factors: others.factors)
      let failures = matrix.withPointers { matrix in
        result.withMutablePointer { pointer in
          if let descent {
            solver.descend(
              rows[...], of: matrix, side: PreconditionedSide(side, unobserved: 0.1), descent: descent, into: pointer, workspace: workspace
            ).failures
          } else {
            solver.solve(rows, of: matrix, side: side, into: pointer, workspace: workspace)
          }
        }
      }
      #expect(failures == 0)
      return result
    }

    /// Energy of the error, (x - exact)' A (x - exact), in Double.
    func energy(_ row: Int, _ x: UnsafeBufferPointer<Float>, _ exact: UnsafeBufferPointer<Float>) -> Double {
      let error = zip(x, exact).map { Double($0) - Double($1) }
      var weights = 0.0
      var total = 0.0
      for entry in matrix.starts[row]..<matrix.starts[row + 1] {
        let weight = Double(abs(matrix.strengths[entry]))
        let score = zip(others[Int(matrix.indices[entry])], error).reduce(0) { $0 + Double($1.0) * $1.1 }
        weights += weight
        total += weight * score * score
      }
      for i in error.indices { for j in error.indices { total += 0.1 * Double(gramian[i, j]) * error[i] * error[j] } }
      return total + 0.02 * (weights + 0.1 * 60) * error.reduce(0) { $0 + $1 * $1 }
    }
  }

  @Test(arguments: Kernels.available, [1, 15, 16, 17, 48, 64, 100]) func toAToleranceMeansTheExactRow(kernels: Kernels, factors: Int) {
    let problem = Problem(factors: factors, kernels: kernels, seed: 5)
    let (exact, near) = (problem.run(nil), problem.run(.tolerance(1e-6)))
    for row in 0..<exact.rows {
      let distance = zip(exact[row], near[row]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
      let size = exact[row].reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(distance <= 1e-4 * size, "row \(row) of \(factors) factors")
    }
  }

  @Test(arguments: Kernels.available, [17, 64]) func eachStepBringsEveryRowNearer(kernels: Kernels, factors: Int) {
    let problem = Problem(factors: factors, kernels: kernels, seed: 6)
    let exact = problem.run(nil)
    var before = (0..<exact.rows).map { problem.energy($0, problem.start[$0], exact[$0]) }
    for steps in 1...4 {
      let now = problem.run(.steps(steps))
      for row in 0..<exact.rows where problem.matrix.starts[row + 1] > problem.matrix.starts[row] {
        let energy = problem.energy(row, now[row], exact[row])
        #expect(energy < before[row] || energy < 1e-6, "row \(row), \(steps) steps")
        before[row] = energy
      }
    }
  }

  @Test(arguments: Kernels.available) func aRowDoesNotDependOnItsGroup(kernels: Kernels) {
    let problem = Problem(factors: 33, kernels: kernels, seed: 7)
    let together = problem.run(.steps(2))
    for row in 0..<Int32(together.rows) {
      #expect(problem.run(.steps(2), rows: [row]).array(Int(row)) == together.array(Int(row)))
    }
  }

  @Test(arguments: Kernels.available) func aRowWithoutEntriesIsZero(kernels: Kernels) {
    let result = Problem(factors: 16, kernels: kernels, seed: 8).run(.steps(1))
    #expect(result.array(0).allSatisfy { $0 == 0 })
  }

  @Test(arguments: Kernels.available, [1, 16, 40, 64]) func aRotationKeepsEveryProduct(kernels: Kernels, factors: Int) {
    let pool = WorkerPool(workers: 2)
    var users = FactorMatrix(rows: 300, factors: factors, deviation: 1, seedOfRow: { UInt64($0) })
    var items = FactorMatrix(rows: 20, factors: factors, deviation: 1, seedOfRow: { UInt64($0) + 1000 })
    // A direction that most rows share, as popularity is, and one that is nearly nothing.
    users.withMutablePointer { pointer in for row in 0..<300 { pointer[row * Kernels.padded(factors)] += 30 } }
    let (oldUsers, oldItems) = (users, items)
    let rotation = Rotation(
      towardsEigenvectorsOf: Gramian(of: users, pool: pool, kernels: kernels), powers: 2, kernels: kernels)
    rotation.apply(to: &users, pool: pool, kernels: kernels)
    rotation.apply(to: &items, pool: pool, kernels: kernels)
    for user in 0..<300 {
      for item in 0..<20 {
        let before = zip(oldUsers[user], oldItems[item]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let after = zip(users[user], items[item]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(before - after) < 1e-3)
      }
    }
  }

  @Test func aRotationOfAnEmptyGramianIsARotation() {
    var matrix = FactorMatrix(rows: 4, factors: 20, deviation: 1, seedOfRow: { UInt64($0) })
    let before = matrix
    Rotation(towardsEigenvectorsOf: Gramian(factors: 20), powers: 2, kernels: .best)
      .apply(to: &matrix, pool: WorkerPool(workers: 1), kernels: .best)
    for row in 0..<4 {
      let (a, b) = (before[row].reduce(0) { $0 + $1 * $1 }, matrix[row].reduce(0) { $0 + $1 * $1 })
      #expect(abs(a - b) < 1e-4 * a)
    }
  }

  @Test(arguments: 1...5 as ClosedRange<UInt64>) func aScheduleTakesEveryRowOnceLongestFirst(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var matrix = InteractionMatrix(columns: 400)
    for _ in 0..<3000 {
      for column in 0..<Int32(random.below(random.chance(0.05) ? 400 : 12)) { matrix.append(column: column, strength: 1) }
      matrix.endRow()
    }
    let schedule = RowSchedule(matrix)
    #expect(schedule.rows.sorted() == (0..<3000).map { Int32($0) })
    let lengths = schedule.rows.map { matrix.starts[Int($0) + 1] - matrix.starts[Int($0)] }
    #expect(lengths == lengths.sorted(by: >), "\(random)")
    #expect((0..<schedule.pieces).flatMap { schedule.piece($0) } == schedule.rows)
    #expect((0..<schedule.pieces).allSatisfy { !schedule.piece($0).isEmpty })
  }

  @Test func aScheduleOfNothingHasNoPieces() { #expect(RowSchedule(InteractionMatrix(columns: 3)).pieces == 0) }
}
