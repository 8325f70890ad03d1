import RecommenderTestKit
import Testing

@testable import Factorization

@Suite struct ConfidenceTests {
  @Test func theUnobservedWeightFormWeighsAnObservedCellByItsStrength() {
    let confidence = Confidence.unobservedWeight(0.1)
    #expect(confidence.unobserved == 0.1)
    #expect(confidence.weightAndTarget(3) == (3, 3))
    #expect(confidence.weightAndTarget(-3) == (3, 0))
    #expect(confidence.weightAndTarget(0) == (0, 0))
  }

  @Test func theAlphaFormHasConfidenceOnePlusAlphaTimesTheStrength() {
    let confidence = Confidence.alpha(40)
    #expect(confidence.unobserved == 1)
    #expect(confidence.weightAndTarget(3) == (120, 121))
    #expect(confidence.weightAndTarget(-3) == (120, 0))
    #expect(confidence.weightAndTarget(0) == (0, 0))
  }

  /// lambda (|I(u)| + a |I|)^nu.
  @Test func theRegularizerFollowsTheFrequencyByItsExponent() {
    #expect(Regularization(lambda: 0.5, exponent: 0).ofRow(weights: 60, unobserved: 0.5, others: 80) == 0.5)
    #expect(Regularization(lambda: 0.5, exponent: 0.5).ofRow(weights: 60, unobserved: 0.5, others: 80) == 5)
    #expect(Regularization(lambda: 0.5, exponent: 1).ofRow(weights: 60, unobserved: 0.5, others: 80) == 50)
  }

  /// For strength 1 and the plain ridge: alpha = 1 / alpha0 and lambda' = lambda (1 + alpha0) / alpha0, both sides of the model
  /// scaled by sqrt(1 + alpha0).
  @Test(arguments: [Float(0.01), 0.1, 1]) func alphaIsTheInverseOfTheUnobservedWeight(alpha0: Float) {
    let (items, scaledItems, scale) = itemsInBothScales(alpha0: alpha0)
    let first = solvedRow(.unobservedWeight(alpha0), Regularization(lambda: 0.02, exponent: 0), items)
    let second = solvedRow(.alpha(1 / alpha0), Regularization(lambda: 0.02 * (1 + alpha0) / alpha0, exponent: 0), scaledItems)
    #expect(relativeDistance(second, first.map { $0 * Double(scale) }) < 1e-4)
  }

  /// As the frequency counts weights, which alpha multiplies, exponent 1 leaves lambda' = lambda (1 + alpha0).
  @Test(arguments: [Float(0.01), 0.1, 1]) func frequencyScalingTakesTheAlphaOutOfTheRelation(alpha0: Float) {
    let (items, scaledItems, scale) = itemsInBothScales(alpha0: alpha0)
    let first = solvedRow(.unobservedWeight(alpha0), Regularization(lambda: 0.02, exponent: 1), items)
    let second = solvedRow(.alpha(1 / alpha0), Regularization(lambda: 0.02 * (1 + alpha0), exponent: 1), scaledItems)
    #expect(relativeDistance(second, first.map { $0 * Double(scale) }) < 1e-4)
  }

  private func itemsInBothScales(alpha0: Float) -> (FactorMatrix, FactorMatrix, scale: Float) {
    let items = FactorMatrix(rows: 30, factors: 8, deviation: 0.3, seed: 1)
    let scale = (1 + alpha0).squareRoot()
    var scaled = items
    for item in 0..<items.rows { scaled.setRow(item, to: items[item].map { scale * $0 }) }
    return (items, scaled, scale)
  }

  private func solvedRow(_ confidence: Confidence, _ regularization: Regularization, _ items: FactorMatrix) -> [Double] {
    let parameters = ALSParameters(factors: 8, confidence: confidence, regularization: regularization)
    return SolvedRow(parameters, [2, 3, 5, 7, 11].map { ($0, 1) }, others: items).doubles
  }
}
