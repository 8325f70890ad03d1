/// A method that protocol P2 tests: it says where an event's item stands, and then learns the event.
public protocol PrequentialRanker {
  /// Trains on what was learned so far, once, after the warm-up.
  mutating func finishWarmUp()
  mutating func place(of event: PrequentialEvent) -> PrequentialPlace
  /// Whether the first `k` of the list that stood when the event came hold its item; `nil`: the method publishes no lists.
  mutating func published(_ event: PrequentialEvent, k: Int) -> Bool?
  mutating func learn(_ event: PrequentialEvent)
  /// Makes the list of the event's user anew, as readers get it; `false`: the method publishes no lists. Not called during the warm-up.
  mutating func publish(after event: PrequentialEvent) -> Bool
  /// What a method does after an event beside learning it and its list: retrains. Not called during the warm-up.
  mutating func maintain()
  var training: PrequentialTraining { get }
}

extension PrequentialRanker {
  public mutating func finishWarmUp() {}
  public mutating func published(_ event: PrequentialEvent, k: Int) -> Bool? { nil }
  public mutating func publish(after event: PrequentialEvent) -> Bool { false }
  public mutating func maintain() {}
  public var training: PrequentialTraining { PrequentialTraining() }
}

/// Trainings of a method, the first one included.
public struct PrequentialTraining: Sendable, Equatable {
  public internal(set) var accepted = 0
  public internal(set) var rejected = 0
  public internal(set) var seconds = 0.0
  public init() {}
}
