/// Computes user rows from ratings and the items of a trained model (fold-in); create once for many users.
public struct ExplicitFoldIn: Sendable {
  private let parameters: ExplicitParameters
  private let solver: ExplicitRowSolver
  private let items: ExplicitRowSolver.Side

  public init(_ model: ExplicitModel, kernels: Kernels = .best) {
    parameters = model.parameters
    solver = ExplicitRowSolver(model.parameters, kernels: kernels)
    items = ExplicitRowSolver.Side(model.items, mean: Float(model.mean))
  }

  /// The row (bias, factors) of a user; zeros without ratings, `nil` if the solution is not finite. Traps if an item is out of range.
  ///
  /// Cost: about ratings x factors^2 + factors^3 / 3 operations.
  public func row(of ratings: [(item: Int32, rating: Float)]) -> [Float]? {
    let (indices, values) = (ratings.map(\.item), ratings.map(\.rating))
    precondition(indices.allSatisfy { $0 >= 0 && Int($0) < items.rows.rows }, "an item that the model does not have")
    var row = [Float](repeating: 0, count: items.rows.stride)
    let solved = values.withUnsafeBufferPointer { values in
      values.isEmpty
        || solver.solve(
          indices: indices, ratings: values, side: items, into: &row, workspace: .init(factors: parameters.rowLength))
    }
    return solved ? Array(row[0..<parameters.rowLength]) : nil
  }
}
