import StreamingRecommender

/// The users who are most similar to one, or why there are none.
public enum SimilarUsersReport: Sendable, Equatable {
  case found([SimilarUsers.Match], epoch: UInt32)
  case unknownUser
  /// There is no model, or it knows nothing of the user yet.
  case noVector
  /// Another question is being looked at.
  case busy
}
