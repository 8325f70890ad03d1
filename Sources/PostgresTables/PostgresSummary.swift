/// What was written.
public struct PostgresSummary: Sendable, Equatable {
  public var rows: Int
  /// As they were sent.
  public var bytes: Int
  /// Attempts that the swap took: more than 1 if readers held the table.
  public var attempts: Int
  public var isNewTable: Bool
}
