import Factorization

/// Incremental matrix factorisation with one step of stochastic gradient descent per event (ISGD; Vinagre, Jorge, Gama: "Fast Incremental
/// Matrix Factorization for Recommendation with Positive-Only Feedback", UMAP 2014), the baseline of the published results of P2.
///
/// An event moves `x . y` towards 1, and no other pair is used. Items are ranked by descending `x . y`; ranking by `|1 - x . y|` as in
/// takuti/incremental-sgd had fewer hits at every learning rate tried.
public struct IncrementalSGD: PrequentialRanker {
  /// The factors, regularization and initialization of takuti/stream-recommender for ML-1M (config/ML1M/iMF.ini).
  public struct Settings: Sendable {
    public var factors = 40
    /// The rate in `x += rate (e y - regularization x)`. It is the best on ml-1m-5star of 0.004, 0.012, 0.03, 0.05 and 0.1; those
    /// settings use 0.004 (0.002 with the factor 2 of the derivative).
    public var learningRate: Float = 0.03
    public var regularization: Float = 0.01
    /// The standard deviation of the initial factors.
    public var startDeviation: Float = 0.1
    public var seed: UInt64 = 1
    public init() {}
  }

  public let settings: Settings
  private var users: FactorMatrix
  private var items: FactorMatrix
  private var scores: [Float] = []

  public init(_ settings: Settings = Settings()) {
    self.settings = settings
    users = FactorMatrix(rows: 0, factors: settings.factors)
    items = FactorMatrix(rows: 0, factors: settings.factors)
  }

  public mutating func place(of event: PrequentialEvent) -> PrequentialPlace {
    meet(event)
    if scores.count < items.rows { scores.append(contentsOf: repeatElement(0, count: items.rows - scores.count)) }
    let user = users.pointer + event.user * users.stride
    for item in 0..<items.rows { scores[item] = Self.dot(user, items.pointer + item * items.stride, count: items.stride) }
    return event.place(score: scores[event.item], among: scores)
  }

  public mutating func learn(_ event: PrequentialEvent) {
    meet(event)
    if event.isLiked { step(event.user, event.item) }
  }

  /// Initializes new users and items randomly; they are ranked with these factors.
  private mutating func meet(_ event: PrequentialEvent) {
    Self.grow(&users, toHold: event.user, settings, seed: settings.seed)
    Self.grow(&items, toHold: event.item, settings, seed: ~settings.seed)
  }

  private static func grow(_ rows: inout FactorMatrix, toHold row: Int, _ settings: Settings, seed: UInt64) {
    guard row >= rows.rows else { return }
    let first = rows.rows
    rows.grow(toRows: row + 1)
    for new in first...row {
      rows.fillRandomly(new, deviation: settings.startDeviation, seed: seed ^ (UInt64(new) + 1) &* 0x9E37_79B9_7F4A_7C15)
    }
  }

  /// Updates both sides from the vectors before the step.
  private mutating func step(_ user: Int, _ item: Int) {
    let (rate, regularization) = (settings.learningRate, settings.regularization)
    let (userStride, itemStride, factors) = (users.stride, items.stride, settings.factors)
    users.withMutablePointer { users in
      items.withMutablePointer { items in
        let (x, y) = (users + user * userStride, items + item * itemStride)
        let error = 1 - Self.dot(x, y, count: itemStride)
        for factor in 0..<factors {
          let (a, b) = (x[factor], y[factor])
          x[factor] += rate * (error * b - regularization * a)
          y[factor] += rate * (error * a - regularization * b)
        }
      }
    }
  }

  /// - Parameter count: the stride of a `FactorMatrix`, a multiple of 8 with zeros at the end.
  private static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sum = SIMD8<Float>()
    for at in stride(from: 0, to: count, by: 8) {
      let x = UnsafeRawPointer(a + at).loadUnaligned(as: SIMD8<Float>.self)
      let y = UnsafeRawPointer(b + at).loadUnaligned(as: SIMD8<Float>.self)
      sum += x * y
    }
    return sum.sum()
  }
}
