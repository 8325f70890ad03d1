import Datasets
import StreamingRecommender

/// How the value column of a file becomes an event, as defined for `train`, `evaluate` and `produce`.
public enum ValueRule: String, Sendable, CaseIterable {
  /// Each row sets the pair to strength 1, because a rating or a quantity is not a confidence.
  case ignore
  case weight, log1p

  /// Returns the strength for a value.
  public func strength(_ value: Double?) -> Double {
    switch self {
    case .ignore: 1
    case .weight: value ?? 1
    case .log1p: if let value { value < 0 ? -log1pOf(-value) : log1pOf(value) } else { 1 }
    }
  }

  public var operation: Interaction.Operation { self == .ignore ? .set : .add }
}

/// The interactions of a file in file order.
public struct EvaluationData: Sendable {
  public private(set) var interactions: [Interaction] = []
  /// What could not be read; `nil` for data from memory.
  public private(set) var report: InteractionFile.Report?

  /// - Parameter limit: the maximum number of interactions.
  public init(path: String, value: ValueRule = .ignore, limit: Int? = nil) throws {
    try self.init(FileInteractions(path, FileInteractions.Settings(value: value)), limit: limit)
  }

  public init(_ source: FileInteractions, limit: Int? = nil) throws {
    try source.read(limit: limit) { interactions.append($0) }
    report = source.file.report
  }

  public init(_ interactions: [Interaction]) { self.interactions = interactions }
}
