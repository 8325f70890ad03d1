/// Decides which place of a grid is tried next: best first.
///
/// It begins in the middle and goes on at a neighbour of the best place so far, then of the second best, and so on. What it decides
/// depends on what was found alone, so a search that is told earlier findings again goes the same way.
public struct TuningSearch: Sendable {
  /// It ends when the neighbours of this many best places have all been tried.
  public static let placesFollowed = 3

  public let grid: TuningGrid
  public let trialsMax: Int
  /// In the order of trying; no value where the training failed.
  public private(set) var findings: [(point: TuningGrid.Point, value: Double?)] = []

  public init(_ grid: TuningGrid, trialsMax: Int) {
    self.grid = grid
    self.trialsMax = trialsMax
  }

  /// The place to try; `nil` when the search is over.
  public var next: TuningGrid.Point? {
    guard findings.count < trialsMax else { return nil }
    guard !findings.isEmpty else { return grid.middle }
    let tried = Set(findings.map(\.point))
    // A start that fails says nothing about where to go.
    if bestFirst.isEmpty { return grid.anywhere { !tried.contains($0) } }
    for place in bestFirst.prefix(Self.placesFollowed) {
      if let next = grid.neighbours(of: place).first(where: { !tried.contains($0) }) { return next }
    }
    return nil
  }

  public mutating func add(_ point: TuningGrid.Point, value: Double?) { findings.append((point, value)) }

  /// Places without failure; of equals the one tried first.
  private var bestFirst: [TuningGrid.Point] {
    let found = findings.enumerated().filter { $0.element.value != nil }
    return found.sorted { ($1.element.value ?? 0, $0.offset) < ($0.element.value ?? 0, $1.offset) }.map(\.element.point)
  }
}

extension TuningGrid {
  /// The first place, in the order of counting, that fits.
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
