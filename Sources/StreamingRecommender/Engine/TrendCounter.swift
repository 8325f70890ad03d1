import Factorization

/// Counts per item that halve every `halfLife` events: the trend part of the score and the popular list.
///
/// Nothing is ever decayed: each new event weighs more instead, so that an event changes one item; `growth` is what the newest
/// event weighs, and a decayed count is accumulator / growth.
public struct TrendCounter: Sendable, Equatable {
  public let halfLife: Double
  public private(set) var accumulators: [Float] = []
  public private(set) var growth = 1.0

  /// Accumulators are scaled down long before Float overflows.
  private static let rescaleAt = 0x1p64

  public init(halfLife: Double) { self.halfLife = halfLife }

  init(halfLife: Double, accumulators: [Float], growth: Double) {
    self.halfLife = halfLife
    self.accumulators = accumulators
    self.growth = growth
  }

  /// Returns true when every accumulator was rescaled.
  public mutating func count(_ item: Int32) -> Bool {
    if accumulators.count <= Int(item) {
      accumulators.append(contentsOf: repeatElement(0, count: Int(item) + 1 - accumulators.count))
    }
    growth *= exponential2(1 / halfLife)
    accumulators[Int(item)] += Float(growth)
    guard growth > Self.rescaleAt else { return false }
    let scale = Float(1 / growth)
    for index in accumulators.indices { accumulators[index] *= scale }
    growth = 1
    return true
  }

  /// Coefficient of an accumulator in a score: weight x p, p = decayed count / (halfLife / ln 2).
  public func coefficient(weight: Double) -> Float { Float(weight * 0.693147180559945 / (halfLife * growth)) }

  public func decayedCount(_ item: Int32) -> Float {
    Int(item) < accumulators.count ? Float(Double(accumulators[Int(item)]) / growth) : 0
  }
}
