import CKernels
import RecommenderTestKit
import Testing

@testable import Factorization

/// Each variant against a plain twin. The data are whole numbers, so the two must agree to the bit, whatever the order of sums.
@Suite struct KernelTests {
  @Test(arguments: Kernels.available, awkwardCounts) func dotEqualsPlainDot(kernels: Kernels, count: Int) {
    var random = SeededGenerator(seed: 1)
    let padded = Kernels.padded(count)
    let a = random.wholeFloats(padded)
    let b = random.wholeFloats(padded)
    #expect(kernels.table.pointee.dot(a, b, Int32(padded)) == zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }, "\(random)")
  }

  @Test(arguments: Kernels.available, awkwardCounts) func dotOfRealNumbersIsAsGoodAsFloatsAllow(kernels: Kernels, count: Int) {
    var random = SeededGenerator(seed: 2)
    let padded = Kernels.padded(count)
    let a = random.floats(padded)
    let b = random.floats(padded)
    let products = zip(a, b).map { Double($0) * Double($1) }
    let error = abs(Double(kernels.table.pointee.dot(a, b, Int32(padded))) - products.reduce(0, +))
    #expect(error <= 1e-6 * products.reduce(0) { $0 + abs($1) }, "\(random)")
  }

  @Test(arguments: Kernels.available, awkwardCounts) func axpyEqualsPlainAxpyAndStopsAtItsCount(kernels: Kernels, count: Int) {
    var random = SeededGenerator(seed: 3)
    let padded = Kernels.padded(count)
    let x = random.wholeFloats(padded + 16)
    let y = random.wholeFloats(padded + 16)
    var result = y
    kernels.table.pointee.axpy(&result, x, -2, Int32(padded))
    let expected = (0..<y.count).map { $0 < padded ? y[$0] - 2 * x[$0] : y[$0] }
    #expect(result == expected, "\(random)")
  }

  @Test(arguments: Kernels.available, awkwardCounts) func rankUpdateEqualsPlainRankUpdate(kernels: Kernels, factors: Int) {
    var random = SeededGenerator(seed: 4)
    // Around FRESHET_GATHER_ROWS, which is how many rows are gathered at a time.
    for count in [0, 1, 3, 63, 64, 65, 130] {
      let update = RankUpdate(factors: factors, count: count, &random)
      #expect(update.fast(kernels) == update.plain(), "\(random), \(count) rows")
    }
  }

  @Test(arguments: Kernels.available) func rankUpdateWithoutIndicesTakesTheRowsInOrder(kernels: Kernels) {
    var random = SeededGenerator(seed: 5)
    var update = RankUpdate(factors: 17, count: 65, &random)
    update.indices = (0..<65).map { Int32($0) }
    #expect(update.fast(kernels, passesIndices: false) == update.plain(), "\(random)")
  }

  @Test(arguments: Kernels.available) func rankUpdateWithoutRightHandSideUpdatesTheMatrixAlone(kernels: Kernels) {
    var random = SeededGenerator(seed: 6)
    var update = RankUpdate(factors: 15, count: 65, &random)
    update.targets = [Float](repeating: 0, count: 65)
    #expect(update.fast(kernels, passesRightHandSide: false) == update.plain(), "\(random)")
  }

  @Test(arguments: Kernels.available, awkwardCounts) func choleskyFindsTheExactSolutionOfAWholeNumberSystem(kernels: Kernels, factors: Int)
  {
    for seed in UInt64(1)...5 {
      let system = TriangularSystem(factors: factors, seed: seed)
      var (matrix, x) = (system.matrix, system.rightHandSide)
      #expect(kernels.table.pointee.cholesky_solve(&matrix, &x, Int32(system.padded)) == 0, "seed \(seed)")
      #expect(x == system.solution, "seed \(seed)")
    }
  }

  @Test(arguments: Kernels.available, awkwardCounts) func choleskyReadsNothingBelowTheDiagonal(kernels: Kernels, factors: Int) {
    let system = TriangularSystem(factors: factors, seed: 7)
    var (matrix, x) = (system.matrix, system.rightHandSide)
    for row in 0..<system.padded { for column in 0..<row { matrix[row * system.padded + column] = .nan } }
    #expect(kernels.table.pointee.cholesky_solve(&matrix, &x, Int32(system.padded)) == 0)
    #expect(x == system.solution)
  }

  @Test(arguments: Kernels.available, [Float(0), -1, .nan]) func choleskyNamesTheFirstPivotThatIsNotPositive(kernels: Kernels, pivot: Float)
  {
    let system = TriangularSystem(factors: 40, seed: 8)
    for index in [0, 1, 7, 8, 15, 16, 23, 39] {
      var (matrix, x) = (system.matrix, system.rightHandSide)
      // The pivot of the elimination is the square of U's diagonal, so taking that away leaves `pivot`.
      let diagonal = system.upper[index * system.padded + index]
      matrix[index * system.padded + index] += pivot - diagonal * diagonal
      #expect(kernels.table.pointee.cholesky_solve(&matrix, &x, Int32(system.padded)) == Int32(index + 1))
    }
  }

  @Test(arguments: Kernels.available, 1...17) func scoresOfPanelsEqualPlainDotProducts(kernels: Kernels, users: Int) {
    var random = SeededGenerator(seed: UInt64(users))
    for (panels, dimensions) in [(1, 1), (2, 16), (3, 17), (4, 5), (5, 65), (9, 8)] {
      let (userStride, scoreStride) = (dimensions + 3, panels * Kernels.panel + 5)
      let items = random.wholeFloats(panels * dimensions * Kernels.panel)
      let factors = random.wholeFloats(users * userStride)
      let untouched = Float(12_345)
      var scores = [Float](repeating: untouched, count: users * scoreStride)
      kernels.table.pointee.score_panels(
        items, Int32(panels), Int32(dimensions), factors, Int32(userStride), Int32(users), &scores, scoreStride)
      var expected = [Float](repeating: untouched, count: users * scoreStride)
      for user in 0..<users {
        for item in 0..<panels * Kernels.panel {
          let (panel, lane) = item.quotientAndRemainder(dividingBy: Kernels.panel)
          expected[user * scoreStride + item] = (0..<dimensions).reduce(0) { sum, dimension in
            sum + factors[user * userStride + dimension] * items[(panel * dimensions + dimension) * Kernels.panel + lane]
          }
        }
      }
      #expect(scores == expected, "\(random), \(panels) panels of \(dimensions) dimensions")
    }
  }

  @Test func theVariantsHaveTheNamesTheyAreAskedBy() {
    #expect(Kernels.named("plain")?.name == "plain")
    #expect(Kernels.named("none") == nil)
    #expect(Kernels.available.map(\.name).contains(Kernels.best.name))
  }
}

/// A rank update in both ways.
private struct RankUpdate {
  struct Result: Equatable {
    /// Row by row, from the diagonal on.
    var upperTriangle: [Float]
    var rightHandSide: [Float]
  }
  let padded: Int
  let start: [Float]
  let rightHandSide: [Float]
  let rows: [Float]
  var indices: [Int32]
  let weights: [Float]
  var targets: [Float]

  init(factors: Int, count: Int, _ random: inout SeededGenerator) {
    padded = Kernels.padded(factors)
    let rowsInAll = 70
    start = random.wholeFloats(padded * padded)
    rightHandSide = random.wholeFloats(padded)
    rows = random.wholeFloats(rowsInAll * padded)
    indices = (0..<count).map { _ in Int32.random(in: 0..<Int32(rowsInAll), using: &random) }
    weights = random.wholeFloats(count)
    targets = random.wholeFloats(count)
  }

  func fast(_ kernels: Kernels, passesIndices: Bool = true, passesRightHandSide: Bool = true) -> Result {
    var (matrix, sums) = (start, rightHandSide)
    var scratch = [Float](repeating: .nan, count: Int(FRESHET_GATHER_ROWS) * padded * 2)
    indices.withUnsafeBufferPointer { indices in
      sums.withUnsafeMutableBufferPointer { sums in
        kernels.table.pointee.rank_update(
          &matrix, passesRightHandSide ? sums.baseAddress : nil, Int32(padded), rows, passesIndices ? indices.baseAddress : nil, weights,
          passesRightHandSide ? targets : nil, Int32(weights.count), &scratch)
      }
    }
    return result(matrix, sums)
  }

  func plain() -> Result {
    var (matrix, sums) = (start, rightHandSide)
    for (entry, index) in indices.enumerated() {
      let row = rows[Int(index) * padded..<(Int(index) + 1) * padded]
      for (i, a) in row.enumerated() {
        sums[i] += targets[entry] * a
        for (j, b) in row.enumerated() { matrix[i * padded + j] += weights[entry] * a * b }
      }
    }
    return result(matrix, sums)
  }

  private func result(_ matrix: [Float], _ sums: [Float]) -> Result {
    Result(upperTriangle: (0..<padded).flatMap { matrix[($0 * padded + $0)..<(($0 + 1) * padded)] }, rightHandSide: sums)
  }
}

/// U'U x = b with whole numbers throughout, powers of two on U's diagonal, and the identity in the padding.
private struct TriangularSystem {
  let padded: Int
  let upper: [Float]
  let matrix: [Float]
  let rightHandSide: [Float]
  let solution: [Float]

  init(factors: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let padded = Kernels.padded(factors)
    var upper = [Float](repeating: 0, count: padded * padded)
    for row in 0..<padded {
      upper[row * padded + row] = row < factors ? [1, 2, 4].randomElement(using: &random)! : 1
      for column in (row + 1)..<max(row + 1, factors) {
        upper[row * padded + column] = Float(Int.random(in: -1...1, using: &random))
      }
    }
    let u = upper
    var matrix = [Float](repeating: 0, count: padded * padded)
    for m in 0..<padded {
      for i in m..<padded where u[m * padded + i] != 0 {
        for j in m..<padded { matrix[i * padded + j] += u[m * padded + i] * u[m * padded + j] }
      }
    }
    let solution = random.wholeFloats(padded)
    let a = matrix
    rightHandSide = (0..<padded).map { i in (0..<padded).reduce(0) { $0 + a[i * padded + $1] * solution[$1] } }
    (self.padded, self.upper, self.matrix, self.solution) = (padded, upper, matrix, solution)
  }
}
