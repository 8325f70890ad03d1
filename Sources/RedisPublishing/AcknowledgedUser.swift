import StreamingRecommender

/// A user's list that Redis has acknowledged, for measuring how fresh lists are.
public struct AcknowledgedUser: Sendable, Equatable {
  public var user: Identifier
  public var partition: Int32
  /// The last applied offset of the partition that the list covers.
  public var offset: Int64
  /// Monotonic clock, when the reply was read.
  public var atNanoseconds: UInt64
}
