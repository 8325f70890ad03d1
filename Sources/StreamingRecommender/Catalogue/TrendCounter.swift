import Factorization

/// Exponentially decayed event counts per item, used for the trend part of the score and the popular list.
///
/// Uses forward decay: instead of decaying old counts, each new event is added with a growing weight (`growth`), so an event updates one
/// accumulator. The decayed count is accumulator / growth.
public struct TrendCounter: Sendable, Equatable {
  /// Half-life in events; `nil` derives it from the number of active items.
  public let halfLife: Double?
  public private(set) var accumulators: [Float] = []
  public private(set) var growth = 1.0
  /// Sum of the accumulators and of their squares.
  public private(set) var total = 0.0
  public private(set) var sumOfSquares = 0.0

  /// Accumulators are rescaled at this growth, well before `Float` overflows.
  private static let rescaleAt = 0x1p64
  /// Events per active item in an automatic half-life: large enough to estimate shares, small enough to follow changes.
  static let eventsPerActiveItem = 5.0
  static let automatic = 500.0...50_000.0

  public init(halfLife: Double?) { self.halfLife = halfLife }

  /// - Parameter sums: sum and sum of squares of the accumulators.
  init(halfLife: Double?, accumulators: [Float], growth: Double, sums: (total: Double, squares: Double)) {
    self.halfLife = halfLife
    self.accumulators = accumulators
    self.growth = growth
    (total, sumOfSquares) = sums
  }

  /// Effective number of active items: 1 / sum of squared shares (inverse Simpson index; Simpson, 1949).
  public var activeItems: Double { sumOfSquares > 0 ? total * total / sumOfSquares : 0 }

  public var currentHalfLife: Double {
    halfLife ?? min(max(Self.eventsPerActiveItem * activeItems, Self.automatic.lowerBound), Self.automatic.upperBound)
  }

  /// Counts one event. Returns true if all accumulators were rescaled.
  public mutating func count(_ item: Int32) -> Bool {
    if accumulators.count <= Int(item) {
      accumulators.append(contentsOf: repeatElement(0, count: Int(item) + 1 - accumulators.count))
    }
    growth *= exponential2(1 / currentHalfLife)
    let before = Double(accumulators[Int(item)])
    accumulators[Int(item)] += Float(growth)
    let after = Double(accumulators[Int(item)])
    total += after - before
    sumOfSquares += (after - before) * (after + before)
    guard growth > Self.rescaleAt else { return false }
    rescale()
    return true
  }

  /// The counts without the given newest events, computed with the current half-life.
  func without(newestFirst items: [Int32]) -> TrendCounter {
    let step = exponential2(-1 / currentHalfLife)
    var before = accumulators
    var weight = growth
    for item in items where Int(item) < before.count {
      before[Int(item)] = max(0, before[Int(item)] - Float(weight))
      weight *= step
    }
    return TrendCounter(halfLife: halfLife, accumulators: before, growth: weight, sums: Self.sums(before))
  }

  private mutating func rescale() {
    let scale = Float(1 / growth)
    for index in accumulators.indices { accumulators[index] *= scale }
    growth = 1
    (total, sumOfSquares) = Self.sums(accumulators)
  }

  private static func sums(_ accumulators: [Float]) -> (total: Double, squares: Double) {
    accumulators.reduce(into: (total: 0, squares: 0)) {
      $0.0 += Double($1)
      $0.1 += Double($1) * Double($1)
    }
  }

  /// Coefficient of an accumulator in a score, so that it contributes weight x p, where p is the share of the item in the decayed counts.
  /// For a short stream the denominator is the total that one half-life of events would produce.
  public func coefficient(weight: Double) -> Float {
    Float(weight / max(total, growth * (halfLife ?? Self.automatic.lowerBound) / 0.693147180559945))
  }

  func accumulator(_ item: Int32) -> Float { Int(item) < accumulators.count ? accumulators[Int(item)] : 0 }

  /// The decayed number of events of the item.
  public func decayedCount(_ item: Int32) -> Float { Float(Double(accumulator(item)) / growth) }
}
