/// What was written.
public struct ParquetSummary: Sendable, Equatable {
  public var rows: Int
  public var groups: Int
  public var bytes: Int
}
