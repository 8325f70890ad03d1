import StreamingRecommender

extension EvaluationData {
  /// Synthetic shop events: seven per user, and a seventh as many items as users.
  public init(generatedFor users: Int, seed: UInt64) {
    var events = GeneratedEvents(users: users, items: max(100, users / 7), seed: seed)
    self.init(events.next(users * 7))
  }
}
