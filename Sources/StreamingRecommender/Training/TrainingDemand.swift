/// How many events came since the state was frozen for a training, for the policy that decides when the next one begins.
public struct TrainingDemand: Sendable, Equatable {
  /// Events since the freeze behind the live or the pending model.
  public private(set) var eventsSinceFreeze: Int
  /// `eventsSinceFreeze` when the training in progress froze the state.
  private var atFreeze = 0
  /// `eventsSinceFreeze` when the last training that came to nothing froze the state: the next one waits for new events.
  private var atLastAttempt = 0

  init(eventsSinceFreeze: Int = 0) { self.eventsSinceFreeze = eventsSinceFreeze }

  /// Events that the policy counts.
  public var eventsSinceLastAttempt: Int { eventsSinceFreeze - atLastAttempt }

  mutating func note() { eventsSinceFreeze += 1 }

  mutating func freeze() { atFreeze = eventsSinceFreeze }

  mutating func adopt() {
    eventsSinceFreeze -= atFreeze
    (atFreeze, atLastAttempt) = (0, 0)
  }

  /// The holdout of the next training still reaches back to the live model's freeze.
  mutating func abandon() {
    atLastAttempt = atFreeze
    atFreeze = 0
  }
}
