/// Decides which point of a grid is tried next (best-first search).
///
/// It starts in the middle and continues with a neighbour of the best point so far, then of the second best, and so on. Its decisions
/// depend only on earlier findings, so a resumed search continues in the same way.
public struct TuningSearch: Sendable {
  /// The search ends when all neighbours of this number of best points have been tried.
  public static let placesFollowed = 3

  public let grid: TuningGrid
  public let trialsMax: Int
  /// The findings in order of trial; the value is `nil` if the training failed.
  public private(set) var findings: [(point: TuningGrid.Point, value: Double?)] = []

  public init(_ grid: TuningGrid, trialsMax: Int) {
    self.grid = grid
    self.trialsMax = trialsMax
  }

  /// The next point; `nil` if the search has ended.
  public var next: TuningGrid.Point? {
    guard findings.count < trialsMax else { return nil }
    guard !findings.isEmpty else { return grid.middle }
    let tried = Set(findings.map(\.point))
    // If no trial has succeeded yet, the next point is any untried one.
    if bestFirst.isEmpty { return grid.anywhere { !tried.contains($0) } }
    for place in bestFirst.prefix(Self.placesFollowed) {
      if let next = grid.neighbours(of: place).first(where: { !tried.contains($0) }) { return next }
    }
    return nil
  }

  public mutating func add(_ point: TuningGrid.Point, value: Double?) { findings.append((point, value)) }

  /// The points that succeeded, best first; ties by order of trial.
  private var bestFirst: [TuningGrid.Point] {
    let found = findings.enumerated().filter { $0.element.value != nil }
    return found.sorted { ($1.element.value ?? 0, $0.offset) < ($0.element.value ?? 0, $1.offset) }.map(\.element.point)
  }
}

extension TuningGrid {
  /// Returns the first point, in counting order with the first axis fastest, for which `fits` returns true.
  fileprivate func anywhere(where fits: (Point) -> Bool) -> Point? {
    for number in 0..<size {
      var rest = number
      let point = axes.map { axis in
        defer { rest /= axis.values.count }
        return rest % axis.values.count
      }
      if fits(point) { return point }
    }
    return nil
  }
}
