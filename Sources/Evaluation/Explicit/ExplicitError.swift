/// Accumulates errors of predicted ratings: root mean square error (RMSE) and mean absolute error (MAE).
public struct ExplicitError: Sendable, Equatable {
  public private(set) var rows = 0
  private var squares = 0.0
  private var sizes = 0.0

  public init() {}

  public mutating func add(predicted: Double, actual: Double) {
    rows += 1
    squares += (predicted - actual) * (predicted - actual)
    sizes += abs(predicted - actual)
  }

  /// RMSE in the unit of the ratings; 0 without rows.
  public var rootMeanSquare: Double { rows == 0 ? 0 : (squares / Double(rows)).squareRoot() }
  /// MAE in the unit of the ratings; 0 without rows.
  public var meanAbsolute: Double { rows == 0 ? 0 : sizes / Double(rows) }
}
