import Factorization
import ServingFormats

extension ServedModel {
  /// The parameters with which rows of this model are solved.
  public func parameters(factors: Int) -> ALSParameters {
    ALSParameters(
      factors: factors, confidence: alpha.map { .alpha(Float($0)) } ?? .unobservedWeight(Float(unobservedWeight)),
      regularization: Regularization(lambda: Float(regularization), exponent: Float(regularizationExponent)))
  }
}
