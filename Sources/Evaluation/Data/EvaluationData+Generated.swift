import StreamingRecommender

extension EvaluationData {
  /// Synthetic shop events: seven per user.
  public init(generatedFor users: Int, items: Int, seed: UInt64) {
    var events = GeneratedEvents(users: users, items: items, seed: seed)
    self.init(events.next(users * 7))
  }
}
