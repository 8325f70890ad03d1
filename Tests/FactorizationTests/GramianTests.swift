import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct GramianTests {
  let pool = WorkerPool(workers: 2)

  @Test(arguments: Kernels.available, awkwardCounts) func theGramianEqualsThePlainSumOfProducts(kernels: Kernels, factors: Int) {
    var random = SeededGenerator(seed: UInt64(factors))
    let matrix = FactorMatrix(wholeRows: 40, factors: factors, &random)
    let gramian = Gramian(of: matrix, pool: pool, kernels: kernels)
    for i in 0..<factors {
      for j in 0..<factors {
        #expect(gramian[i, j] == (0..<40).reduce(0) { $0 + matrix[$1][i] * matrix[$1][j] }, "\(random), element \(i), \(j)")
      }
    }
  }

  /// One part holds 2048 rows.
  @Test(arguments: [0, 1, 2047, 2048, 2049, 5000]) func theGramianOfAllRowsEqualsTheSumOfItsAdditions(rows: Int) {
    var random = SeededGenerator(seed: UInt64(rows))
    let matrix = FactorMatrix(wholeRows: rows, factors: 3, &random)
    var sum = Gramian(factors: 3)
    for row in 0..<rows { sum.add(matrix[row], weight: 1) }
    #expect(Gramian(of: matrix, pool: pool).packed == sum.packed, "\(random)")
  }

  @Test func theNumberOfWorkersDoesNotShowInTheBits() {
    let matrix = FactorMatrix(rows: 9000, factors: 5, seed: 2)
    let one = Gramian(of: matrix, pool: WorkerPool(workers: 1)).packed
    for workers in [2, 3, 8] { #expect(Gramian(of: matrix, pool: WorkerPool(workers: workers)).packed == one) }
  }

  @Test func whatIsAddedAndTakenAwayLeavesTheGramianAsItWas() {
    let matrix = FactorMatrix(rows: 100, factors: 17, seed: 3)
    let before = Gramian(of: matrix, pool: pool)
    var gramian = before
    let extra = FactorMatrix(rows: 20, factors: 17, seed: 4)
    for row in 0..<20 { gramian.add(extra[row], weight: 0.7) }
    #expect(relativeDistance(gramian.packed.map(Double.init), before.packed.map(Double.init)) > 0.01)
    for row in 0..<20 { gramian.add(extra[row], weight: -0.7) }
    #expect(relativeDistance(gramian.packed.map(Double.init), before.packed.map(Double.init)) < 1e-6)
  }

  /// The bug of implicit: factors of an item replaced, their Gramian left as it was.
  @Test func replacingARowKeepsTheGramianInStepWithTheFactors() {
    var random = SeededGenerator(seed: 5)
    var matrix = FactorMatrix(wholeRows: 30, factors: 6, &random)
    var gramian = Gramian(of: matrix, pool: pool)
    for row in [3, 3, 29] {
      gramian.add(matrix[row], weight: -1)
      matrix.setRow(row, to: random.wholeFloats(6))
      gramian.add(matrix[row], weight: 1)
    }
    #expect(gramian.packed == Gramian(of: matrix, pool: pool).packed, "\(random)")
  }

  @Test func aCopyDoesNotSeeLaterAdditions() {
    let matrix = FactorMatrix(rows: 2, factors: 3, seed: 6)
    var gramian = Gramian(of: matrix, pool: pool)
    let copy = gramian
    let before = copy.packed
    gramian.add(matrix[0], weight: 1)
    #expect(copy.packed == before)
  }

  /// sum over all cells of (x.y)^2, without looking at a cell.
  @Test(arguments: awkwardCounts) func theElementwiseProductIsTheSumOfAllSquaredScores(factors: Int) {
    var random = SeededGenerator(seed: 7)
    let (x, y) = (FactorMatrix(wholeRows: 6, factors: factors, &random), FactorMatrix(wholeRows: 9, factors: factors, &random))
    var expected = 0.0
    for a in x.doubles { for b in y.doubles { expected += dotProduct(a, b) * dotProduct(a, b) } }
    #expect(Gramian(of: x, pool: pool).elementwiseProduct(Gramian(of: y, pool: pool)) == expected, "\(random)")
  }

  @Test(arguments: awkwardCounts) func thePackedFormGivesTheGramianBack(factors: Int) throws {
    let gramian = Gramian(of: FactorMatrix(rows: 8, factors: factors, seed: 8), pool: pool)
    let back = try #require(Gramian(factors: factors, packed: gramian.packed))
    #expect(back.packed == gramian.packed)
    #expect(back[factors - 1, 0] == gramian[0, factors - 1])
  }

  @Test func aPackedFormOfTheWrongLengthIsRefused() {
    #expect(Gramian(factors: 3, packed: [Float](repeating: 0, count: 5)) == nil)
    #expect(Gramian(factors: 3, packed: [Float](repeating: 0, count: 9)) == nil)
  }
}
