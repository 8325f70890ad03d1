import Testing

@testable import Factorization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct RecencyWeightsTests {
  let recency = RecencyWeights(floor: 0.03, boost: 6, scale: 3, gapFloor: 0.1, gapScaleMilliseconds: 300_000, window: 200)

  @Test func theWeightEqualsThePlainFormula() {
    let fortyYears: Int64 = 40 * 365 * 86_400_000
    let gaps: [Int64] = [0, 1, 999, 300_000, 86_400_000, fortyYears]
    for age in [1, 2, 3, 10, 50, 200] {
      for gap in gaps {
        let ofGap: Double = 0.1 + 0.9 * exp(-Double(gap) / 300_000)
        let ofAge: Double = exp(-Double(age) / 3)
        let expected = 0.03 + 6 * ofAge * ofGap
        #expect(abs(Double(recency.weight(age: age, gapMilliseconds: gap)) - expected) < 1e-6 * expected, "age \(age), gap \(gap) ms")
      }
    }
  }

  @Test func theWeightFallsWithTheAgeAndTheGapButNotBelowTheFloor() {
    for age in 1..<200 {
      #expect(recency.weight(age: age, gapMilliseconds: 0) >= recency.weight(age: age + 1, gapMilliseconds: 0))
      #expect(recency.weight(age: age, gapMilliseconds: 0) >= recency.weight(age: age, gapMilliseconds: 60_000))
      #expect(recency.weight(age: age, gapMilliseconds: .max) >= 0.03)
    }
  }
}
