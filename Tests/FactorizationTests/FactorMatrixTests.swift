import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct FactorMatrixTests {
  @Test func aCopyDoesNotSeeLaterWrites() {
    var matrix = FactorMatrix(rows: 3, factors: 2, seed: 1)
    let copy = matrix
    let before = copy.doubles
    matrix.setRow(1, to: [8, 9])
    matrix.fillRandomly(2, deviation: 1, seed: 77)
    matrix.withMutablePointer { $0[0] = 5 }
    #expect(copy.doubles == before)
    #expect(matrix.array(0)[0] == 5)
    #expect(matrix.array(1) == [8, 9])
  }

  @Test func aGrownMatrixKeepsItsRowsAndAddsZeros() {
    let start = FactorMatrix(rows: 5, factors: 17, seed: 1)
    var matrix = start
    for count in [6, 7, 8, 50, 51, 400] {
      matrix.grow(toRows: count)
      #expect(matrix.rows == count)
      for row in 0..<5 { #expect(matrix.array(row) == start.array(row)) }
      for row in 5..<count { #expect(matrix.array(row) == [Float](repeating: 0, count: 17)) }
    }
    #expect(start.rows == 5)
  }

  @Test func twoCopiesThatGrowInSpareRoomDoNotShareIt() {
    var first = FactorMatrix(rows: 10, factors: 2, seed: 1)
    first.grow(toRows: 11)
    var second = first
    second.grow(toRows: 12)
    second.setRow(11, to: [7, 8])
    first.grow(toRows: 12)
    #expect(first.array(11) == [0, 0])
    #expect(second.array(11) == [7, 8])
  }

  @Test func growingToFewerRowsChangesNothing() {
    var matrix = FactorMatrix(rows: 5, factors: 2, seed: 1)
    matrix.grow(toRows: 3)
    #expect(matrix == FactorMatrix(rows: 5, factors: 2, seed: 1))
  }

  @Test(arguments: awkwardCounts) func thePaddingIsZero(factors: Int) {
    let matrix = FactorMatrix(rows: 3, factors: factors, seed: 2)
    #expect(matrix.stride.isMultiple(of: 16))
    for row in 0..<3 {
      for column in factors..<max(factors, matrix.stride) { #expect(matrix.pointer[row * matrix.stride + column] == 0) }
    }
  }

  @Test func aRandomRowDependsOnItsOwnSeedAlone() {
    let many = FactorMatrix(rows: 9, factors: 4, deviation: 1) { UInt64($0) }
    let alone = FactorMatrix(rows: 1, factors: 4, deviation: 1) { _ in 6 }
    #expect(alone.array(0) == many.array(6))
    #expect(alone.array(0) != many.array(5))
  }

  @Test func randomRowsHaveTheDeviationAskedFor() {
    let values = FactorMatrix(rows: 2000, factors: 10, deviation: 0.1, seed: 3).doubles.flatMap(\.self)
    let mean = values.reduce(0, +) / Double(values.count)
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    #expect(abs(mean) < 0.003)
    #expect(abs(deviation - 0.1) < 0.002)
  }

  @Test func notANumberAndInfinityAreFound() {
    var matrix = FactorMatrix(rows: 2, factors: 3, seed: 4)
    #expect(matrix.isFinite)
    for value in [Float.nan, .infinity, -.infinity] {
      matrix.setRow(1, to: [0, 0, value])
      #expect(!matrix.isFinite)
    }
  }

  @Test func aRowThatIsNotThereCannotBeWritten() async {
    await #expect(processExitsWith: .failure) {
      var matrix = FactorMatrix(rows: 2, factors: 3)
      matrix.setRow(2, to: [1, 2, 3])
    }
    await #expect(processExitsWith: .failure) {
      var matrix = FactorMatrix(rows: 2, factors: 3)
      matrix.fillRandomly(-1, deviation: 1, seed: 1)
    }
  }
}

@Suite struct SplitMix64Tests {
  /// From the reference implementation (Vigna, splitmix64.c) with seeds 0 and 1234567.
  @Test func knownSeedsGiveTheirNumbers() {
    var zero = SplitMix64(seed: 0)
    #expect([zero.next(), zero.next(), zero.next()] == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F])
    var other = SplitMix64(seed: 1_234_567)
    #expect(
      [other.next(), other.next(), other.next()] == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test(arguments: UInt64(1)...5) func unitNumbersLieAboveZeroAndUpToOne(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let numbers = (0..<10_000).map { _ in generator.nextUnit() }
    #expect(numbers.allSatisfy { $0 > 0 && $0 <= 1 })
    // Five standard errors.
    #expect(abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.015)
  }
}
