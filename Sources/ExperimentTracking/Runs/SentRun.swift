/// Where a run stands on a server.
public struct SentRun: Sendable, Equatable {
  public var experimentID: String
  public var runID: String
  /// Of the registered model; `nil` if the run registers none.
  public var modelVersion: String?
  /// The page of the run in a browser.
  public var pageURL: String
  /// Metrics of which at least one value was not finite, and is not there.
  public var omittedMetrics: [String] = []
  /// Parameters and tags whose values were too long, and end with a mark that says so.
  public var shortenedValues: [String] = []
}
