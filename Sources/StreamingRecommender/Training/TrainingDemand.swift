/// Counts events since the last freeze, for the policy that decides when the next training starts.
public struct TrainingDemand: Sendable, Equatable {
  /// Number of events since the freeze of the pending or, without one, the live model.
  public private(set) var eventsSinceFreeze: Int
  /// `eventsSinceFreeze` at the freeze of the training in progress.
  private var atFreeze = 0
  /// `eventsSinceFreeze` at the freeze of the last training that was rejected, failed or cancelled; the next training waits for new
  /// events.
  private var atLastAttempt = 0

  init(eventsSinceFreeze: Int = 0) { self.eventsSinceFreeze = eventsSinceFreeze }

  /// Number of events that the policy compares with its threshold.
  public var eventsSinceLastAttempt: Int { eventsSinceFreeze - atLastAttempt }

  mutating func note() { eventsSinceFreeze += 1 }

  mutating func freeze() { atFreeze = eventsSinceFreeze }

  mutating func adopt() {
    eventsSinceFreeze -= atFreeze
    (atFreeze, atLastAttempt) = (0, 0)
  }

  /// Ends a training without a new model. `eventsSinceFreeze` is unchanged, so the next holdout covers all events since the freeze of the
  /// live model.
  mutating func abandon() {
    atLastAttempt = atFreeze
    atFreeze = 0
  }
}
