import RunRecords

/// Why runs cannot be compared.
public enum ComparisonError: Error, Equatable, CustomStringConvertible {
  case none
  case tooMany(Int)
  case twice(RunID)

  public var description: String {
    switch self {
    case .none: "there is no run to compare: name at least one"
    case .tooMany(let count): "\(count) runs are too many for one page: compare at most \(Comparison.runsMax) at a time"
    case .twice(let id): "\(id) is named twice: name each run once"
    }
  }
}
